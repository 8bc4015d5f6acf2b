// The project's tests under Pyodide, in Node: node tests/playground/pyodide.mjs SITE_PACKAGES tests/display/test_labels.py …
// Pure Python comes from the given site-packages. Node gives JavaScript the stack of a browser.
import { readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const downloads = `${root}/build/downloads`;
const pyodide = readdirSync(downloads).find(name => name.startsWith("pyodide@"));
const { loadPyodide } = await import(`${downloads}/${pyodide}/package/pyodide.mjs`);
const [packages, ...tests] = process.argv.slice(2);
const python = await loadPyodide({ indexURL: `${downloads}/${pyodide}/package`, env: { HOME: "/tmp", CI: "true" } });
for (const [at, folder] of [["/project", root], ["/packages", resolve(packages)]]) {
  python.FS.mkdirTree(at);
  python.mountNodeFS(at, folder);
}
python.globals.set("arguments", python.toPy(tests));
process.exitCode = python.runPython(`
import os, sys
os.chdir("/project")
sys.path[:0] = ["/project", "/packages"]
sys.dont_write_bytecode = True
import pytest
pytest.main(["-q", "-o", "addopts=", "-p", "no:xdist", "-p", "no:benchmark", "-p", "no:cacheprovider", "-p", "no:anyio", "--continue-on-collection-errors", *arguments])
`);
