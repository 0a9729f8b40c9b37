#!/bin/sh
# The real parts that the tests talk to, from Debian: installed where we may, named where we may not.
# No service is started by it.
set -eu
PACKAGES='bash busybox-static dash dropbear-bin fish iproute2 locales openssh-client openssh-server openssl procps
    prometheus prometheus-alertmanager shellcheck strace sudo systemd tcsh tinysshd util-linux'

missing=''
for package in $PACKAGES; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "the tests need:  sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi

policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
