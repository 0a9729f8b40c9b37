#!/bin/sh
# kubelet-cert-exporter node script: tells what a kubelet's certificate store holds, and never a byte of a key.
# Writes nothing, takes no lock, asks nothing of the network. POSIX sh; dash, busybox and bash are tested.
STORE='/var/lib/kubelet/pki'
CLIENT='/var/lib/kubelet/pki/kubelet-client-current.pem'
SERVING='/var/lib/kubelet/pki/kubelet-server-current.pem
/var/lib/kubelet/pki/kubelet.crt'
SCRIPT=''

set -u +f
unset -f command date dd dirname echo id ls printf readlink sha256sum sleep stat tr
unset -v CDPATH ENV BASH_ENV GLOBIGNORE POSIXLY_CORRECT BLOCK_SIZE LS_BLOCK_SIZE BLOCKSIZE QUOTING_STYLE TIME_STYLE
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
TZ=UTC0
export PATH LC_ALL TZ
umask 077
LARGEST_FILE=262144
LONGEST_LINE=4096
MOST_DATED=64
NEWEST_READ=4
NL='
'
IFS=$NL
TAB=$(printf '\t')
CR=$(printf '\r')
VERSION=1.1

# The words of a line that a reader does not know are skipped there: new ones may be added within a major version.
main() {
    printf 'kubelet-cert-exporter answer %s begin\n' "$VERSION"
    printf 'time %s\n' "$(date +%s)"
    printf 'uid %s\n' "$(id -u)"
    # installed, it says which text of it this is
    [ -n "$SCRIPT" ] && printf 'script %s\n' "$(checksum_of "$SCRIPT")"
    printf 'path store %s\n' "$STORE"
    printf 'path client %s\n' "$CLIENT"
    for path in $SERVING; do printf 'path serving %s\n' "$path"; done
    look_at_store
    read_client
    if [ "$condition" = missing ] && may_be_between; then
        # the kubelet unlinks and renames: look once more before calling it missing
        sleep 1
        look_at_store
        read_client
    fi
    print_store
    print_file client "$CLIENT"
    target=${link##*/}
    for name in $newest; do
        [ "$name" = "$target" ] && continue
        read_file "$STORE/$name"
        print_file dated "$STORE/$name"
    done
    for path in $SERVING; do
        read_file "$path"
        [ "$condition" = missing ] && continue
        print_file serving "$path"
        break
    done
    printf 'kubelet-cert-exporter answer %s end\n' "$VERSION"
}

checksum_of() {
    command -v sha256sum >/dev/null || return 0
    sum=$(sha256sum <"$1")
    printf '%s\n' "${sum%% *}"
}

# Sets directory, and the names that matter: known, dated_client, dated_server, newest, and how many there are.
look_at_store() {
    known='' dated_client='' dated_server='' newest='' clients=0 servers=0 hidden=0
    directory=$(directory_condition)
    [ "$directory" = ok ] || return 0
    for path in "$STORE"/kubelet*; do
        name=${path##*/}
        [ -e "$path" ] || [ -L "$path" ] || continue # the pattern itself, where nothing matches
        case $name in
        *[!A-Za-z0-9._-]*) hidden=$((hidden + 1)) ;;
        kubelet-client-current.pem | kubelet-client-updated.pem | kubelet-client.crt | kubelet-client.key | \
            kubelet-client.key.tmp | kubelet-server-current.pem | kubelet-server-updated.pem | kubelet-server.crt | \
            kubelet-server.key | kubelet.crt | kubelet.key) known=$known$name$NL ;;
        kubelet-client-*.pem) clients=$((clients + 1)) ;;
        kubelet-server-*.pem) servers=$((servers + 1)) ;;
        esac
    done
    dated_client=$(newest_of "$clients" "$MOST_DATED" "$STORE"/kubelet-client-*.pem)
    dated_server=$(newest_of "$servers" "$MOST_DATED" "$STORE"/kubelet-server-*.pem)
    newest=$(newest_of "$clients" "$NEWEST_READ" "$STORE"/kubelet-client-*.pem)
}

directory_condition() {
    if [ -d "$STORE" ]; then
        if [ -r "$STORE" ] && [ -x "$STORE" ]; then echo ok; else echo denied; fi
    elif [ -e "$STORE" ]; then
        echo not_a_directory
    elif is_denied "$STORE"; then
        echo denied
    else
        echo missing
    fi
}

# Whether a path that cannot be seen is there behind a closed door; only the C locale's words tell.
is_denied() {
    case $(ls -Ld "$1" 2>&1) in
    *'Permission denied'*) return 0 ;;
    *) return 1 ;;
    esac
}

# newest_of HOW_MANY_THERE_ARE HOW_MANY_TO_KEEP PATH...: the last ones by name, which begins with the date
newest_of() {
    skip=$(($1 - $2))
    shift 2
    for path in "$@"; do
        name=${path##*/}
        case $name in
        *[!A-Za-z0-9._-]* | kubelet-client-current.pem | kubelet-client-updated.pem | \
            kubelet-server-current.pem | kubelet-server-updated.pem) continue ;;
        esac
        if [ "$skip" -gt 0 ]; then skip=$((skip - 1)); else printf '%s\n' "$name"; fi
    done
}

may_be_between() {
    [ "$clients" -gt 0 ] || [ -L "$STORE/kubelet-client-updated.pem" ]
}

# Reads the client's file; its link is read before and after, and all of it again where it changed meanwhile.
read_client() {
    looks=0
    while :; do
        read_file "$CLIENT"
        looks=$((looks + 1))
        [ "$link" = "$(link_of "$CLIENT")" ] && break
        [ "$looks" -ge 3 ] && break
    done
}

print_store() {
    printf 'directory %s\n' "$directory"
    printf 'count client %s\ncount server %s\ncount hidden %s\n' "$clients" "$servers" "$hidden"
    if command -v stat >/dev/null; then
        set --
        for name in $known $dated_client $dated_server; do set -- "$@" "$STORE/$name"; done
        [ $# -gt 0 ] && stat -c 'entry %A %u %g %s %Y %n' "$@"
    else
        for name in $known $dated_client $dated_server; do entry_by_ls "$name"; done
    fi
}

# Without stat(1): ls tells all but the time. A device shows two numbers in place of its size.
entry_by_ls() {
    IFS=" $TAB"
    # shellcheck disable=SC2046 # the words of one line are meant
    set -- $(ls -lnd "$STORE/$1") "$1"
    IFS=$NL
    [ $# -ge 6 ] || return 0
    size=$5
    for name in "$@"; do :; done
    case $size in *[!0-9]*) size=0 ;; esac
    printf 'entry %s %s %s %s - %s\n' "$1" "$3" "$4" "$size" "$STORE/$name"
}

# The text of a link where it is plain, "?" where it is not, nothing where there is no link.
link_of() {
    [ -L "$1" ] || return 0
    if command -v readlink >/dev/null; then
        text=$(readlink "$1"; echo .)
        text=${text%"$NL".}
    else
        text=$(ls -ld "$1"; echo .)
        text=${text#* -> }
        text=${text%"$NL".}
    fi
    case $text in
    '' | *[!A-Za-z0-9._/@:+=,~%-]*) echo '?' ;;
    *) printf '%s\n' "$text" ;;
    esac
}

# Sets link, condition and blocks for one PEM file. The link is resolved once: it may move while we look.
read_file() {
    blocks=''
    link=$(link_of "$1")
    case $link in
    /*) file=$link ;;
    *) file=$1 ;;
    esac
    if ! [ -e "$file" ]; then
        condition=missing
        [ -n "$link" ] && condition=dangling
        if is_denied "$file"; then condition=denied; fi
    elif ! [ -f "$file" ]; then
        condition=not_regular
    elif ! [ -r "$file" ]; then
        condition=denied
    elif [ "$(size_of "$file")" -gt "$LARGEST_FILE" ]; then
        condition=too_large
    elif ! [ -s "$file" ]; then
        condition=empty
    else
        # dd bounds what is read though the file grows meanwhile; a shell would pass over NUL bytes;
        # the scan prints its blocks, then its verdict
        blocks=$(dd if="$file" bs=4096 count=64 2>/dev/null | tr '\000' '?' | scan)
        condition=${blocks##*"$NL"}
        blocks=${blocks%"$condition"}
        blocks=${blocks%"$NL"}
    fi
}

size_of() {
    IFS=" $TAB"
    # shellcheck disable=SC2046 # the words of one line are meant
    set -- $(ls -lnLd "$1")
    IFS=$NL
    printf '%s\n' "${5:-0}"
}

# Certificate blocks from standard input, then one word. A block is held until its END line, dropped at any other BEGIN,
# and begins as certificates do and keys do not: DER, a SEQUENCE of a SEQUENCE. Stops where a key begins.
scan() {
    inside='' block='' found='' broken='' key=''
    while IFS= read -r line || [ -n "$line" ]; do
        [ "${#line}" -le "$LONGEST_LINE" ] || { [ -n "$inside" ] && broken=malformed; line=; }
        case $line in *[" $TAB$CR"]) line=${line%"${line##*[! "$TAB$CR"]}"} ;; esac
        case $line in
        '-----BEGIN CERTIFICATE-----')
            [ -n "$inside" ] && broken=truncated
            inside=y block=''
            ;;
        '-----BEGIN '*)
            [ -n "$inside" ] && broken=truncated
            key=y
            [ -n "$found" ] && break
            ;;
        '-----END CERTIFICATE-----')
            if [ -n "$inside" ]; then
                if is_certificate "$block"; then
                    printf -- '-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n' "$block"
                    found=y
                else
                    broken=malformed
                fi
            fi
            inside=''
            ;;
        '-----END '*) [ -n "$inside" ] && broken=truncated ;;
        *)
            if [ -n "$inside" ]; then
                case $line in
                *[!A-Za-z0-9+/=]*) broken=malformed ;;
                '') ;;
                *) block=$block$line$NL ;;
                esac
            fi
            ;;
        esac
        [ -n "$broken" ] && break
    done
    if [ -n "$found" ]; then
        echo read
    elif [ -n "$broken" ]; then
        echo "$broken"
    elif [ -n "$inside" ]; then
        echo truncated
    elif [ -n "$key" ]; then
        echo key_only
    else
        echo no_certificate
    fi
}

is_certificate() {
    case $1 in
    MII??[DTjz]C*) return 0 ;;
    *) return 1 ;;
    esac
}

print_file() {
    printf 'file %s %s %s\n' "$1" "$condition" "$2"
    [ -n "$link" ] && printf 'link %s\n' "$link"
    [ -n "$blocks" ] && printf '%s\n' "$blocks"
    return 0
}

main </dev/null 2>/dev/null
