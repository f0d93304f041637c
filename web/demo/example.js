const button = document.querySelector("#pick");
const client = longshore.init(button.dataset.apikey);

button.addEventListener("click", async () => {
  const result = await client.pick({
    fromSources: ["dropbox"],
    maxFiles: 20,
  });
  button.dispatchEvent(new CustomEvent("picked", { detail: result }));
});
