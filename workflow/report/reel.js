"use strict";
const STEP_S = 5;
let current = document.querySelector("section");

function player(section) {
  return section.querySelector("video");
}

function show(section, name) {
  for (const button of section.querySelectorAll(".source")) {
    button.setAttribute("aria-pressed", String(button.dataset.source === name));
  }
}

// Play a source of a match from a time on; a file is loaded only when the source changes.
function play(section, name, time, start) {
  const video = player(section);
  const button = [...section.querySelectorAll(".source")].find((source) => source.dataset.source === name);
  if (!video || !button) return;
  current = section;
  for (const other of document.querySelectorAll("video")) if (other !== video) other.pause();
  video.wanted = time;
  if (video.dataset.source === name && video.readyState > 0) {
    video.currentTime = time;
  } else if (video.dataset.source !== name) {
    section.querySelector(".trouble").hidden = true;
    video.dataset.source = name;
    if (button.dataset.poster) video.poster = button.dataset.poster;
    else video.removeAttribute("poster");
    video.src = button.dataset.file;
    show(section, name);
  }
  if (start) video.play().catch(() => {});
}

function clips(section) {
  return [...section.querySelectorAll(".clips .clip:not(:disabled)")];
}

// The index of the clip that is playing, -1 where no clip of the source contains the time.
function playing(section) {
  const video = player(section);
  if (!video) return -1;
  const time = video.currentTime + 0.05;
  return clips(section).findIndex((clip) =>
    video.dataset.source === clip.dataset.source &&
    time >= Number(clip.dataset.time) && time < Number(clip.dataset.end));
}

// The position of the picture on screen: [half, seconds of its video].
function place(section) {
  const video = player(section);
  const name = video.dataset.source || "";
  if (name.startsWith("half")) return [name.slice(4), video.currentTime];
  const clip = clips(section)[playing(section)];
  if (!clip) return [null, 0];
  const since = video.currentTime - Number(clip.dataset.time);
  return [clip.dataset.half, Number(clip.dataset.start) + since];
}

function follow(section) {
  const [half, time] = place(section);
  for (const track of section.querySelectorAll(".track")) {
    const head = track.querySelector(".head");
    head.hidden = track.dataset.half !== half;
    const since = time - Number(track.dataset.begins);
    head.style.left = `${(100 * since) / Number(track.dataset.length)}%`;
    if (!head.hidden) track.setAttribute("aria-valuenow", since.toFixed(1));
  }
  const now = playing(section);
  clips(section).forEach((clip, index) => {
    if (index === now) clip.setAttribute("aria-current", "true");
    else clip.removeAttribute("aria-current");
  });
}

function next(section, step) {
  const all = clips(section);
  if (!all.length) return;
  const now = playing(section);
  const index = now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + step));
  play(section, all[index].dataset.source, Number(all[index].dataset.time), true);
  all[index].scrollIntoView({ block: "nearest" });
}

for (const section of document.querySelectorAll("section")) {
  const video = player(section);
  if (!video) continue;
  // A seek hides the poster, so there is none to the start.
  video.addEventListener("loadedmetadata", () => { if (video.wanted) video.currentTime = video.wanted; });
  for (const event of ["timeupdate", "seeked", "play"]) video.addEventListener(event, () => follow(section));
  video.addEventListener("play", () => { current = section; });
  video.addEventListener("error", () => {
    const trouble = section.querySelector(".trouble");
    trouble.textContent = "This browser cannot play that file. The reel's clips are H.264 in mp4.";
    trouble.hidden = false;
  });
  for (const button of section.querySelectorAll(".source")) {
    button.addEventListener("click", () => play(section, button.dataset.source, 0, false));
  }
  for (const button of section.querySelectorAll(".clip, .mark")) {
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      play(section, button.dataset.source, Number(button.dataset.time), true);
    });
  }
  for (const track of section.querySelectorAll(".track[tabindex]")) {
    track.addEventListener("click", (event) => {
      const box = track.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      const since = Math.max(0, share * Number(track.dataset.length));
      play(section, track.dataset.source, Number(track.dataset.begins) + since, true);
    });
  }
  const first = section.querySelector(".source");
  if (first) play(section, first.dataset.source, 0, false);
}
current = document.querySelector("section");

document.addEventListener("keydown", (event) => {
  if (!current || event.ctrlKey || event.metaKey || event.altKey) return;
  const section = event.target.closest("section") || current;
  const video = player(section);
  if (!video) return;
  const onVideo = event.target === video; // whose own keyboard control moves it
  if (event.key === "n" || event.key === "p") next(section, event.key === "n" ? 1 : -1);
  else if (event.key === "k") video.paused ? video.play().catch(() => {}) : video.pause();
  else if (event.key === "ArrowLeft" && !onVideo) video.currentTime -= STEP_S;
  else if (event.key === "ArrowRight" && !onVideo) video.currentTime += STEP_S;
  else return;
  event.preventDefault();
});
