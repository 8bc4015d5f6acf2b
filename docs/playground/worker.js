// Python, in a worker of its own: it can be stopped, and the page lives on when it dies.
// The first message brings the files; each later one is a request, and gets an answer. There is no network.
"use strict";

const TYPES = { mjs: "text/javascript", wasm: "application/wasm" };

async function start(files) {
  const blob = name => new Blob([files[name]], { type: TYPES[name.split(".").pop()] });
  const text = name => new TextDecoder().decode(files[name]);
  // Pyodide asks for its files by address; they are here, and nothing else is to be had.
  self.fetch = async address => {
    const name = String(address).split("/").pop();
    return files[name] ? new Response(blob(name)) : Response.error();
  };
  // A page from a disk may have no worker that is a module. Pyodide refuses others, which it tells by this function.
  self.importScripts = () => { throw new TypeError("this worker imports modules"); };
  const [pyodide, assembly] = await Promise.all(
    ["pyodide.mjs", "pyodide.asm.mjs"].map(name => import(URL.createObjectURL(blob(name)))));
  const python = await pyodide.loadPyodide({
    indexURL: "memory:/",
    createPyodideModule: assembly.default,
    lockFileContents: text("pyodide-lock.json"),
  });
  for (const name in files) if (name.endsWith(".whl")) python.unpackArchive(files[name], "wheel");
  const module = python.toPy({ __name__: "playground" });
  python.runPython(text("playground.py"), { globals: module });
  return module.get("answer");
}

let answer;
onmessage = async ({ data }) => {
  try {
    if (answer) return postMessage({ answer: JSON.parse(answer(JSON.stringify(data))) });
    answer = await start(data);
    postMessage({ ready: true });
  } catch (error) {  // Python's own errors are in its answers: this one has ended Python itself
    postMessage({ died: String(error).split("\n")[0] });
  }
};
