// The listener's console: keyboard first, silent until asked, and one key that ends it at once.
"use strict";

const desk = document.getElementById("console");
const sound = document.getElementById("sound");
const status = document.getElementById("status");
const transcript = document.getElementById("transcript");
const wave = document.getElementById("wave");
const { kind, task, csrf } = desk.dataset;

sound.muted = true;

function show(text) {
  status.textContent = text;
}

function toggle() {
  if (sound.paused) sound.play(); else sound.pause();
}

function mute() {
  sound.muted = !sound.muted;
  const button = document.getElementById("mute");
  button.setAttribute("aria-pressed", String(sound.muted));
  button.textContent = sound.muted ? "Muted" : "Sound on";
}

// First the ears, then everything else: nothing here waits for the network.
function stop(event) {
  sound.pause();
  sound.removeAttribute("src");
  sound.load();
  wave.hidden = true;
  document.querySelectorAll("#heard, dl, .aligned").forEach((each) => { each.hidden = true; });
  show("Stopped. Nobody is given this again.");
  if (event.type === "keydown") document.getElementById("stop").submit();
}

function flag() {
  sound.pause();
  document.getElementById("flag").submit();
}

document.getElementById("play").addEventListener("click", toggle);
document.getElementById("mute").addEventListener("click", mute);
document.getElementById("stop").addEventListener("submit", stop);
document.getElementById("speed").addEventListener("change", (event) => { sound.playbackRate = Number(event.target.value); });
sound.addEventListener("play", () => { document.getElementById("play").textContent = "Pause"; });
sound.addEventListener("pause", () => { document.getElementById("play").textContent = "Play"; });

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop(event);
  else if (event.ctrlKey && event.code === "Space") { event.preventDefault(); toggle(); }
  else if (event.altKey && event.code === "KeyM") { event.preventDefault(); mute(); }
  else if (event.altKey && event.code === "KeyF") { event.preventDefault(); flag(); }
  else if (event.ctrlKey && event.key === "Enter") transcript.form.requestSubmit();
});

async function draw() {
  const answer = await fetch(sound.src);
  if (!answer.ok) return;
  const samples = new Int16Array(await answer.arrayBuffer(), 44);
  const pen = wave.getContext("2d");
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--wave");
  const per = Math.max(1, Math.floor(samples.length / wave.width));
  for (let x = 0; x < wave.width; x += 1) {
    let most = 0;
    for (let at = x * per; at < (x + 1) * per && at < samples.length; at += 1) most = Math.max(most, Math.abs(samples[at]));
    const high = Math.max(1, (most / 32768) * wave.height);
    pen.fillRect(x, (wave.height - high) / 2, 1, high);
  }
}

// What is typed, asked about once the keys rest; `show` gets the answer, unless more was typed meanwhile.
function asking(field, what, show) {
  let asked = 0;
  let later = 0;
  field.addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(async () => {
      const mine = ++asked;
      const [path, words] = what();
      const body = new URLSearchParams({ csrf, ...words });
      const answer = await fetch(`/listen/${kind}/${path}`, { method: "POST", body });
      if (answer.ok && mine === asked) show(await answer.json());
    }, 400);
  });
}

function align(words) {
  document.getElementById("aligned").replaceChildren(...words.map((each) => {
    const word = document.createElement("span");
    word.textContent = each.person || "·";
    if (each.person !== each.machine) {
      word.className = "other";
      const heard = document.createElement("small");
      heard.textContent = each.machine || "·";
      word.append(heard);
    }
    return word;
  }));
}

function offer(names) {
  document.getElementById("artists").replaceChildren(...names.map((name) => new Option(name)));
}

const artist = document.getElementById("artist");
asking(transcript, () => ["align", { task_id: task, transcript: transcript.value }], align);
asking(artist, () => ["artists", { typed: artist.value }], offer);
draw();
