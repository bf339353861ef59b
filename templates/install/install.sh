#!/bin/sh
# Installs Stationmaster's program on a test bench, from the portal that this script came from:
#
#     curl -fsSL PORTAL/install | sh -s -- --token TOKEN
#
# Run it again to upgrade, with --uninstall to remove everything. `--help` shows the options.
# Everything is in functions that are called on the last line: a download that was cut off does nothing.

usage() {
    cat <<'END'
Installs, upgrades or removes Stationmaster's program on a test bench.

  --token TOKEN    setup token from the station's page; not needed when this machine is enrolled already
  --replace        enrol anew, with the token, a machine that is enrolled already
  --home DIR       where the station keeps its settings, credentials and runs
  --prefix DIR     where the program is put, in a private Python environment
  --user           as root: into its home folder, not into /opt, /var/lib and /usr/local
  --wheels DIR     take all that the program needs from this folder of wheels, and ask no package index
  --extras LIST    optional parts of the program: openhtf (as is), postgres, s3; '' for none
  --ca-cert FILE   PEM file of a private CA to trust besides the system's
  --portal URL     the portal's address, where it is not the one that this script came from
  --no-service     do not install a service that starts the program with the machine
  --start          where there is no service: start the program in the background now
  --uninstall      tell the portal, remove service, program and data
  --keep-data      with --uninstall: keep runs, settings and procedures
  --force          with --uninstall: also when runs have not been sent yet; they are lost
END
}

say() { printf '%s\n' "$*"; }

fail() {
    printf 'stationmaster: %s\n' "$*" >&2
    exit 1
}

read_options() {
    portal='@PORTAL@'
    wheel='@WHEEL@'
    sha256='@SHA256@'
    action=install token='' replace='' ca_cert='' wheels='' extras=openhtf service=yes start='' keep_data='' force=''
    user=$(id -u)
    for option in "$@"; do
        [ "$option" != --user ] || user=''
    done
    if [ "$user" = 0 ]; then
        prefix=/opt/stationmaster home=/var/lib/stationmaster/station commands=/usr/local/bin
    else
        if [ "$(uname -s)" = Darwin ]; then
            data="$HOME/Library/Application Support/stationmaster"
        else
            data="${XDG_DATA_HOME:-$HOME/.local/share}/stationmaster"
        fi
        prefix="$data/program" home="$data/station" commands="$HOME/.local/bin"
    fi
    home="${STATIONMASTER_STATION_HOME:-$home}"
    command_file="$commands/stationmaster"
    while [ $# -gt 0 ]; do
        case $1 in
            --token | --home | --prefix | --wheels | --extras | --ca-cert | --portal)
                [ $# -ge 2 ] || fail "$1 needs a value; --help shows the options."
                ;;
        esac
        case $1 in
            --token) token=$2 && shift ;;
            --replace) replace=--replace ;;
            --home) home=$(absolute "$2") && shift ;;
            --prefix) prefix=$(absolute "$2") && shift ;;
            --wheels) wheels=$(absolute "$2") && shift ;;
            --extras) extras=$2 && shift ;;
            --ca-cert) ca_cert=$(absolute "$2") && shift ;;
            --portal) portal=${2%/} && shift ;;
            --user) ;;
            --no-service) service='' ;;
            --start) start=yes ;;
            --uninstall) action=uninstall ;;
            --keep-data) keep_data=--keep-data ;;
            --force) force=--force ;;
            --help) action=help ;;
            *) fail "There is no option $1; --help shows those that there are." ;;
        esac
        shift
    done
    case $portal in
        http://* | https://*) ;;
        *) fail "$portal is not a portal's address: it looks like http://portal.example:8000." ;;
    esac
    [ -z "$wheels" ] || [ -d "$wheels" ] || fail "There is no folder of wheels $wheels."
    [ -z "$ca_cert" ] || [ -r "$ca_cert" ] || fail "The CA certificate $ca_cert cannot be read."
}

absolute() {
    case $1 in
        /*) printf '%s' "$1" ;;
        *) printf '%s' "$(pwd)/$1" ;;
    esac
}

is_enrolled() { [ -f "$home/credentials/station.json" ]; }

find_python() {
    for python in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' </dev/null 2>/dev/null; then
            "$python" -c 'import ensurepip, venv' </dev/null 2>/dev/null ||
                fail "$python cannot make environments: install its package venv (Debian: apt install python3-venv)."
            return
        fi
    done
    fail "Python 3.11 or newer is needed and was not found: install it, or name it with PYTHON=/path/to/python3."
}

fetch_wheel() {
    "$python" - "$portal/dist/$wheel" "$1" "$sha256" "$ca_cert" <<'END' || fail "Nothing was changed."
import hashlib, ssl, sys, urllib.request

url, path, sha256, ca_cert = sys.argv[1:]
try:
    trust = ssl.create_default_context()
    if ca_cert:
        trust.load_verify_locations(ca_cert)
    with urllib.request.urlopen(url, timeout=60, context=trust) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit(f"stationmaster: {url} is not what the script announced (its SHA-256 differs): fetch the script again.")
    with open(path, "wb") as file:
        file.write(content)
except (OSError, ValueError) as error:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        sys.exit(f"stationmaster: the certificate of {url} is not trusted; --ca-cert FILE adds a private CA.")
    sys.exit(f"stationmaster: {url} cannot be fetched: {error}.")
END
}

# A new environment beside the one in use; its folder is in $new.
make_environment() {
    mkdir -p "$prefix" || fail "$prefix cannot be written; --prefix chooses another folder."
    new=$(mktemp -d "$prefix/env.XXXXXX") || fail "$prefix cannot be written; --prefix chooses another folder."
    trap 'rm -rf "$new"; rmdir "$prefix" 2>/dev/null || true' EXIT
    trap 'exit 130' INT TERM HUP
    say "Fetching the program from $portal"
    fetch_wheel "$new/$wheel"
    say "Making a private environment in $new"
    "$python" -m venv "$new" </dev/null || fail "The environment could not be made. Nothing was changed."
    set -- "$new/$wheel${extras:+[$extras]}"
    if [ -n "$wheels" ]; then
        say "Installing the program and what it needs, from $wheels alone"
        set -- --no-index --find-links "$wheels" "$@"
    else
        say "Installing the program and what it needs, from the package index"
    fi
    "$new/bin/python" -m pip install --quiet --disable-pip-version-check "$@" </dev/null ||
        fail "The program could not be installed. Nothing was changed."
    rm -f "$new/$wheel"
    version=$("$new/bin/stationmaster" --version </dev/null) || fail "The program does not start. Nothing was changed."
}

enrol() {
    if is_enrolled && [ -z "$replace" ]; then
        say "This machine is enrolled already: its credentials are kept"
        return
    fi
    if [ -n "$replace" ]; then  # enrolling needs the home for itself
        "$new/bin/stationmaster" station service stop --home "$home" </dev/null >/dev/null || exit 1
    fi
    say "Enrolling this machine at $portal"
    set -- --portal "$portal" --token "$token" --home "$home"
    [ -z "$replace" ] || set -- "$@" --replace
    [ -z "$ca_cert" ] || set -- "$@" --ca-cert "$ca_cert"
    if ! said=$("$new/bin/stationmaster" station enrol "$@" </dev/null); then
        [ -z "$replace" ] || [ -z "$old" ] || begin_to_run  # what was stopped for it
        exit 1
    fi
    say "$said" | sed '/^Next: /d'  # this script does what comes next
}

# Make the environment the one in use, in one step.
use_environment() {
    rm -f "$prefix/current.new"
    ln -s "$1" "$prefix/current.new" || fail "$prefix cannot be written."
    "$python" -c 'import os, sys; os.replace(sys.argv[1] + ".new", sys.argv[1])' "$prefix/current" </dev/null ||
        fail "$prefix/current could not be changed."
}

write_command() {
    if [ -e "$command_file" ] && ! grep -q '^# of the installer: ' "$command_file"; then
        say "$command_file is another program and stays as it is"
        command_file="$prefix/current/bin/stationmaster"
        printf '\n' >"$prefix/installed"
        return
    fi
    mkdir -p "$commands" || fail "$commands cannot be written."
    "$python" - "$command_file" "$prefix" "$home" <<'END' || fail "$command_file could not be written."
import os, shlex, sys

path, prefix, home = sys.argv[1:]
text = f"""#!/bin/sh
# of the installer: {prefix!r}
if [ -z "${{STATIONMASTER_STATION_HOME:-}}" ]; then STATIONMASTER_STATION_HOME={shlex.quote(home)}; fi
export STATIONMASTER_STATION_HOME
exec {shlex.quote(prefix + "/current/bin/stationmaster")} "$@"
"""
with open(path + ".new", "w") as file:
    file.write(text)
os.chmod(path + ".new", 0o755)
os.replace(path + ".new", path)
with open(os.path.join(prefix, "installed"), "w") as file:
    file.write(path + "\n")
END
}

# Start what is in use now, as the options say. $is_started: whether the program before it surely runs no more.
begin_to_run() {
    program="$prefix/current/bin/stationmaster"
    is_started=yes
    if [ -n "$service" ]; then
        status=0
        said=$("$program" station service install --home "$home" </dev/null 2>&1) || status=$?
        case $status in
            0)
                say "$said"
                "$program" station service start --home "$home" </dev/null
                return
                ;;
            69) say "Nothing here runs services (no systemd, no launchd): the program will not start with the machine" ;;
            *)
                say "$said" >&2
                return 1
                ;;
        esac
    fi
    if [ -n "$start" ]; then
        "$program" station service start --background --home "$home" </dev/null
    elif "$program" station service status --home "$home" </dev/null >/dev/null; then
        say "The program before it still runs: end it, then start the new one by hand: $command_file station run"
        is_started=''
    else
        say "Start it by hand: $command_file station run"
    fi
}

install() {
    is_enrolled || [ -n "$token" ] ||
        fail "A setup token is needed: make one on the station's page of $portal and add --token TOKEN."
    [ -z "$replace" ] || [ -n "$token" ] || fail "--replace needs a setup token: add --token TOKEN."
    find_python
    old=$("$python" -c 'import os, sys; print(os.readlink(sys.argv[1]) if os.path.islink(sys.argv[1]) else "")' \
        "$prefix/current" </dev/null)
    make_environment
    enrol
    use_environment "$new"
    trap - EXIT
    write_command
    if ! begin_to_run; then
        [ -n "$old" ] || fail "The program is installed and does not start. Its command is $command_file."
        use_environment "$old"
        rm -rf "$new"
        begin_to_run || true
        fail "The new program did not start: the one before it is in use again."
    fi
    for other in "$prefix"/env.*; do
        # Without a start of the new program the old one may still be running, from its own files.
        [ "$other" = "$new" ] || { [ -z "$is_started" ] && [ "$other" = "$old" ]; } || rm -rf "$other"
    done
    say "Stationmaster $version is installed. Its command is $command_file"
}

uninstall() {
    program="$prefix/current/bin/stationmaster"
    [ -x "$program" ] || fail "There is no program of this installer in $prefix; --prefix names another folder."
    set -- --home "$home"
    [ -z "$keep_data" ] || set -- "$@" "$keep_data"
    [ -z "$force" ] || set -- "$@" "$force"
    "$program" station uninstall "$@" </dev/null || exit 1
}

main() {
    set -eu
    read_options "$@"
    case $action in
        help) usage ;;
        install) install ;;
        uninstall) uninstall ;;
    esac
}

{ main "$@"; exit; }
