import { pick } from "/demo/picker.js";

const button = document.querySelector("#pick");

button.addEventListener("click", async () => {
  const result = await pick({
    apikey: button.dataset.apikey,
    maxFiles: 20,
  });
  button.dispatchEvent(new CustomEvent("picked", { detail: result }));
});
