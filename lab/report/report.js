// Zooming widens the picture, scrolling moves it; the reading line says what was so at a moment.
// Without this script the page is complete: it only adds looking closer.
(function () {
  "use strict";
  var RATE = 16000;
  var data = JSON.parse(document.getElementById("numbers").textContent);
  var scroll = document.getElementById("scroll");
  var wide = document.getElementById("wide");
  var cursor = document.getElementById("cursor");
  var readout = document.getElementById("readout");
  var most = Math.max(1, Math.pow(2, Math.ceil(Math.log2(data.samples / RATE / 4))));
  var zoom = 1;
  var at = null;
  var left = {};
  data.left.forEach(function (row) { left[row[0]] = row; });

  function clock(sample) {
    var s = sample / RATE, h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    var rest = (s % 60).toFixed(2).padStart(5, "0");
    return (h ? h + ":" + String(m).padStart(2, "0") : m) + ":" + rest;
  }

  function during(rows, sample) {
    return rows.find(function (row) { return row[0] <= sample && sample < row[1]; });
  }

  function bytes(sample) {
    var row = left[Math.floor(sample / data.bin)] || [0, 0, 0];
    var span = " in this " + data.bin / 16 + " ms";
    if (row[1]) return row[1].toLocaleString("en") + " bytes of sealed audio left" + span;
    if (row[2]) return row[2].toLocaleString("en") + " bytes left" + span + ", no audio";
    return "nothing left";
  }

  function kept(sample) {
    var told = during(data.told, sample);
    if (!told) return during(data.muted, sample) ? "microphone closed" : "nothing kept";
    if (told[3] === null) return "utterance " + told[2] + ", without a trigger";
    var since = (sample - told[3]) / RATE;
    return "utterance " + told[2] + ", " + Math.abs(since).toFixed(2) + (since < 0 ? " s BEFORE" : " s after") + " its trigger";
  }

  function words(sample) {
    var phase = during(data.phases, sample), light = during(data.lights, sample);
    var score = data.score[Math.min(data.score.length - 1, Math.floor(sample / data.samples * data.score.length))];
    return [
      phase ? phase[2] : null,
      light && light[2] ? "light on (" + light[2] + ")" : "light off",
      score < 0 ? null : "score " + (score / 100).toFixed(2),
      kept(sample),
      bytes(sample)
    ].filter(Boolean).join(" · ");
  }

  function read(sample) {
    at = Math.max(0, Math.min(data.samples - 1, sample));
    cursor.hidden = false;
    cursor.style.left = 100 * at / data.samples + "%";
    readout.textContent = "";
    var time = document.createElement("b");
    time.textContent = clock(at);
    readout.append(time, " " + words(at));
    readout.classList.toggle("bad", Boolean(during(data.wrong, at)));
  }

  function sampleAt(event) {
    var box = wide.getBoundingClientRect();
    return (event.clientX - box.left) / box.width * data.samples;
  }

  function widen(to, around) {
    var box = scroll.getBoundingClientRect();
    var middle = around === undefined ? (scroll.scrollLeft + box.width / 2) / wide.offsetWidth : around / data.samples;
    zoom = Math.max(1, Math.min(most, to));
    wide.style.width = 100 * zoom + "%";
    wide.className = "wide" + [4, 16, 64].map(function (z) { return zoom >= z ? " z" + z : ""; }).join("");
    scroll.scrollLeft = middle * wide.offsetWidth - box.width / 2;
  }

  var act = {
    in: function () { widen(zoom * 2, at === null ? undefined : at); },
    out: function () { widen(zoom / 2, at === null ? undefined : at); },
    fit: function () { widen(1); }
  };

  function step(by) {
    read((at === null ? 0 : at) + by * data.samples / zoom / 100);
    var x = at / data.samples * wide.offsetWidth;
    if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = x - scroll.clientWidth / 2;
  }

  var keys = {
    ArrowLeft: function () { step(-1); }, ArrowRight: function () { step(1); },
    Home: function () { read(0); step(0); }, End: function () { read(data.samples); step(0); },
    "+": act.in, "=": act.in, "-": act.out, "0": act.fit
  };

  document.querySelector(".zoom").hidden = false;
  document.querySelectorAll("[data-zoom]").forEach(function (button) {
    button.addEventListener("click", act[button.dataset.zoom]);
  });
  scroll.addEventListener("pointermove", function (event) { read(sampleAt(event)); });
  scroll.addEventListener("pointerdown", function (event) { read(sampleAt(event)); });
  scroll.addEventListener("dblclick", function (event) { widen(zoom * 4, sampleAt(event)); });
  scroll.addEventListener("keydown", function (event) {
    var key = keys[event.key];
    if (!key || event.ctrlKey || event.metaKey || event.altKey || event.target !== scroll) return;
    event.preventDefault();
    key();
  });
  document.documentElement.dataset.ready = "yes";
})();
