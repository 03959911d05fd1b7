
// ---- The page ----------------------------------------------------------------------------------
// What comes from outside, names of classes and of files, becomes text and never markup.

const select = (selector, parent = document) => parent.querySelector(selector);
const plan = readPlan(JSON.parse(select("#model").textContent));
const percent = (probability) => `${(100 * probability).toFixed(1)} %`;

function element(name, ...content) {
  const made = document.createElement(name);
  made.append(...content);
  return made;
}

function showFacts() {
  const { classes, images, version, digest, threshold, nBytes } = plan;
  select("#n-classes").textContent = classes.length;
  select("#classes").append(...classes.map((name) => element("li", name)));
  document.title = `Image classifier: ${classes.join(", ")}`;
  const facts = {
    "Image size": `${images.width} x ${images.height} pixels, grey`,
    "Weights": `${nBytes.toLocaleString("en")} bytes`,
    "Made by": `skcomic ${version}`,
  };
  if (threshold !== null) facts["Unsure below"] = percent(threshold);
  if (digest) facts["SHA-256 of the model file"] = digest;
  select("#facts").append(...Object.entries(facts).map(
    ([name, fact]) => element("div", element("dt", name), element("dd", fact)),
  ));
}

// Classifies images one after another; each gets a card above those of before.
async function showImages(sources) {
  for (const source of sources) {
    const name = source.name ?? "picture of the camera";
    const card = select("#card").content.cloneNode(true);
    select(".name", card).textContent = name;
    try {
      showAnswer(card, await classifyImage(plan, source));
      select("#status").textContent = `${name}: ${select("h2", card).textContent}`;
    } catch (error) {
      const failure = element("p", error.message);
      failure.className = "failure";
      select(".seen", card).replaceWith(failure);
      select("h2", card).textContent = "No answer";
      select("#status").textContent = `${name}: ${error.message}`;
    }
    select("#results").prepend(card);
  }
}

function showAnswer(card, { bitmap, raster, probabilities, milliseconds }) {
  const { height, width } = plan.images;
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const isUnsure = plan.threshold !== null && probabilities[order[0]] < plan.threshold;
  select(".answer", card).textContent = isUnsure ? "unsure" : plan.classes[order[0]];
  select(".percent", card).textContent = percent(probabilities[order[0]]);
  select(".bars", card).append(...order.map((i) => showBar(plan.classes[i], probabilities[i])));
  const [image, seen] = card.querySelectorAll("figure");
  drawImage(select("canvas", image), bitmap);
  select("figcaption", image).textContent = `The image: ${bitmap.width} x ${bitmap.height}`;
  drawRaster(select("canvas", seen), raster, height, width);
  select("figcaption", seen).textContent = `What the model sees: ${width} x ${height}`;
  select(".small", card).textContent = `Decoded in ${milliseconds.decode.toFixed(1)} ms, ` +
    `resized and classified in ${milliseconds.classify.toFixed(1)} ms`;
  bitmap.close(); // its pixels would be kept as long as the page
}

function showBar(name, probability) {
  const bar = element("progress");
  bar.value = probability;
  bar.setAttribute("aria-hidden", "true"); // the number says it
  return element("li", element("span", name), element("span", percent(probability)), bar);
}

function drawImage(canvas, bitmap) {
  const scale = Math.min(1, 480 / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

function drawRaster(canvas, raster, height, width) {
  [canvas.width, canvas.height] = [width, height];
  const pixels = new ImageData(width, height);
  raster.forEach((level, i) => pixels.data.set([level, level, level, 255], 4 * i));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

// ---- Where images come from --------------------------------------------------------------------

function takeFiles() {
  select("#files").addEventListener("change", ({ target }) => {
    showImages([...target.files]).then(() => { target.value = ""; });
  });
  document.addEventListener("paste", ({ clipboardData }) => showImages([...clipboardData.files]));
  const mark = (isOver) => select("#drop").classList.toggle("over", isOver);
  document.addEventListener("dragover", (event) => { event.preventDefault(); mark(true); });
  document.addEventListener("dragleave", () => mark(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    showImages([...event.dataTransfer.files]);
  });
}

function takePictures() {
  const video = select("video");
  const show = (isOn) => { [select("#camera").hidden, select("#start").hidden] = [!isOn, isOn]; };
  select("#start").addEventListener("click", async () => {
    select("#refusal").textContent = "";
    try {
      const camera = { facingMode: "environment" };
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: camera });
      await video.play();
      show(true);
      select("#take").focus();
    } catch {
      select("#refusal").textContent = "The browser gives this page no camera; choose a file.";
    }
  });
  select("#take").addEventListener("click", () => showImages([video]));
  select("#stop").addEventListener("click", () => {
    video.srcObject.getTracks().forEach((track) => track.stop());
    show(false);
    select("#start").focus();
  });
}

showFacts();
takeFiles();
takePictures();
