# SPDX-License-Identifier: MIT
# The leg windows-mingw: built by the MinGW-w64 GCC, run under Wine. Sourced by ci/run-leg.sh.
groups+=(cross windows wine)

leg_prepare() {
  ci/cross-deps.sh "$preset" mingw-w64
}

# A Wine prefix of our own. A new one says that it is Windows 7, and would start a debugger for each crash.
leg_begin_tests() {
  export WINEPREFIX=$PWD/build/wine-prefix WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
  unset DISPLAY
  local log=$PWD/build/wine-prefix.log
  if [[ ! -e $WINEPREFIX/.ready ]]; then
    echo "$preset: making a Wine prefix"
    rm -rf "$WINEPREFIX"
    {
      wineboot -i &&
        wine reg add 'HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug' /v Debugger /t REG_SZ /d "" /f &&
        wine winecfg -v win10 && wineserver -w
    } </dev/null >"$log" 2>&1 || { tail -n 20 "$log" >&2; return 1; }
    touch "$WINEPREFIX/.ready"
  fi
  rm -f "$WINEPREFIX/started-again"
  # Wine's services keep the output of the first program open, so that must not be a test's.
  wineserver -p </dev/null >/dev/null 2>&1 || true
  wine cmd /c exit </dev/null >/dev/null 2>&1
}

leg_end_tests() {
  wineserver -k >/dev/null 2>&1 || true
  [[ ! -e $WINEPREFIX/started-again ]] || sed "s/^/$preset: /" "$WINEPREFIX/started-again"
}
