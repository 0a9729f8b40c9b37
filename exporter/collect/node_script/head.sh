#!/bin/sh
# kubelet-cert-exporter node script: tells what a kubelet's certificate store, its own files and its process say, and
# never a byte of a key, a token, a password or a command line. Writes nothing, takes no lock, asks nothing of the
# network. POSIX sh; dash, busybox and bash are tested.
STORE='/var/lib/kubelet/pki'
CLIENT='/var/lib/kubelet/pki/kubelet-client-current.pem'
SERVING='/var/lib/kubelet/pki/kubelet-server-current.pem
/var/lib/kubelet/pki/kubelet.crt'
SCRIPT=''
ROOT=''
COMPARE=''
JOURNAL=''
FLAGS=''

set -u -f
unset -f base64 cat command date dirname echo grep head id journalctl ls openssl printf read readlink sha256sum shopt \
    sleep stat systemctl tail timeout tr
unset -v CDPATH ENV BASH_ENV GLOBIGNORE POSIXLY_CORRECT BLOCK_SIZE LS_BLOCK_SIZE BLOCKSIZE QUOTING_STYLE TIME_STYLE \
    GREP_OPTIONS GREP_COLOR GREP_COLORS text line block value data_certificate data_key
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
TZ=UTC0
export PATH LC_ALL TZ
umask 077
# bash alone reads a script from a pipe byte by byte, which takes it longer than all the rest: it gets that at once
case $- in *s*) command -v shopt >/dev/null && command -v cat >/dev/null && eval "$(cat)" && exit ;; esac
VERSION=1.2
LARGEST_ANSWER=63000
LARGEST_FILE=262144
LARGEST_DOCUMENT=524288
LARGEST_JSON=16384
LONGEST_LINE=4096
LONGEST_QUOTED=16384
LONGEST_VALUE=1024
MOST_BLOCKS=24576
MOST_DATED=64
MOST_DATED_SERVER=2
MOST_DROP_INS=16
MOST_FOLDERS=64
MOST_DATA=12
MOST_DEPTH=32
MOST_LINES=600
MOST_MARKS=64
MOST_HISTORY=6144
MOST_NAMED=12
MOST_OUTLINE=12288
NEWEST_READ=4
PATIENCE=4
WIDEST=99999
NL='
'
IFS=$NL
CONTROL=$(printf '\t \r \036 \357\273\277 \001-\010\013-\037\177') # a fork for all of them
TAB=${CONTROL%% *} CONTROL=${CONTROL#* }
CR=${CONTROL%% *} CONTROL=${CONTROL#* }
SEPARATOR=${CONTROL%% *} CONTROL=${CONTROL#* }
BOM=${CONTROL%% *} CONTROL=${CONTROL#* } # CONTROL: all others, for a bracket

# Prints a line while the answer has room for it, and nothing more after the first one that it has none for: a line
# belongs to the one before it. What is told last is what a long answer lacks.
room=$LARGEST_ANSWER
say() {
    [ "${#1}" -lt "$room" ] || { room=0; return 1; }
    room=$((room - ${#1} - 1))
    printf '%s\n' "$1"
}

# Sets shown to a text where it is plain, "?" where it is not: it goes to labels, logs and terminals.
plain() {
    shown=$1
    case $1 in '' | *[!A-Za-z0-9._/@:+=,~%-]*) shown='?' ;; esac
    [ "${#1}" -le "$LONGEST_VALUE" ] || shown='?'
}

is_number() {
    case $1 in '' | *[!0-9]*) return 1 ;; *) return 0 ;; esac
}

is_among() { # WORD LIST, a line each
    case $NL$2$NL in *"$NL$1$NL"*) return 0 ;; *) return 1 ;; esac
}
