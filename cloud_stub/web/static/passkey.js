// Asks the browser for a passkey and sends its answer as a form.
"use strict";

function bytes(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
}

function text(buffer) {
  const letters = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function plain(key) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (key.response[name]) response[name] = text(key.response[name]);
  }
  return JSON.stringify({ id: key.id, rawId: text(key.rawId), type: key.type, response });
}

document.querySelectorAll("form[data-passkey]").forEach((form) => {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams({ csrf: form.elements.csrf.value });
    const offered = await fetch(form.dataset.offer, { method: "POST", body });
    const publicKey = await offered.json();
    publicKey.challenge = bytes(publicKey.challenge);
    if (publicKey.user) publicKey.user.id = bytes(publicKey.user.id);
    for (const key of [...(publicKey.allowCredentials || []), ...(publicKey.excludeCredentials || [])]) key.id = bytes(key.id);
    form.elements.answer.value = plain(await navigator.credentials[form.dataset.passkey]({ publicKey }));
    form.submit();
  });
});
