#!/bin/sh
# Installs the Debian packages that some tests want, where that can be done without asking (as root, with apt-get).
# Elsewhere it says what is missing: the tests that need it are skipped, and say so.
set -eu
missing=""
want() { # COMMAND PACKAGE...
    command -v "$1" >/dev/null 2>&1 || { shift; missing="$missing $*"; }
}
want chromium chromium
want chromedriver chromium-driver
want /usr/lib/postgresql/*/bin/initdb postgresql
want kubectl kubernetes-client
want docker-compose docker-compose
want faketime faketime
want sqlite3 sqlite3
want node nodejs
want npm npm
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing for the tests:$missing"
    # The tests start database servers of their own; the package must not start one.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "not installed, so some tests are skipped:$missing"
fi
