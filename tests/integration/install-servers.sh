#!/bin/sh
# Installs the servers of the live tests, if they are missing (Debian, Ubuntu; needs root).
# Ends well when it cannot: the tests are then skipped and say why. TIDEWAITER_REQUIRE_REAL=1 makes them fail instead.
set -u

PATH=$PATH:/usr/sbin:/sbin
missing=""
want() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
want dockerd docker.io
want docker docker.io
want auditd auditd
want auditctl auditd
want busybox busybox-static
want nginx nginx-light
want socat socat
want curl curl
want rsyslogd rsyslog
want logrotate logrotate
want logger bsdutils
want journalctl systemd
[ -e /usr/lib/systemd/systemd-journal-remote ] || missing="$missing systemd-journal-remote"
want openssl openssl
set -- /usr/lib/*/rsyslog/lmnsd_ossl.so # TLS of rsyslog: no program to look for
[ -e "$1" ] || missing="$missing rsyslog-openssl"

give_up() {
    echo "install-servers: $1; the live tests will be skipped" >&2
    exit 0
}

[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null 2>&1 || give_up "no apt-get, so not installed:$missing"
[ "$(id -u)" -eq 0 ] || give_up "not root, so not installed:$missing"

# The tests start the servers themselves: a package must not start one of its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null || give_up "apt-get update failed, so not installed:$missing"
# From Debian 13 on, the command is a package of its own, which docker.io only recommends.
if ! command -v docker >/dev/null 2>&1 && apt-cache show docker-cli >/dev/null 2>&1; then
    missing="$missing docker-cli"
fi
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null || give_up "apt-get could not install:$missing"
