
# PEM files. Certificates are told; of a key, whether a whole one stands there.

# A file in pieces: pem_begin, pem_line a line, pem_end. A certificate block is held until its END line, dropped at any
# other BEGIN, begins as certificates do and keys do not (DER, a SEQUENCE of a SEQUENCE), and ends where that ends. None
# is taken behind the first block after one that is none: there the key begins.
pem_begin() {
    blocks='' block='' inside='' found='' over='' broken='' has_key='' key=none inside_key='' size=0
}

# shellcheck disable=SC2154 # line is the caller's
pem_line() {
    size=$((size + ${#line} + 1))
    if [ "${#line}" -gt "$LONGEST_LINE" ]; then
        [ -n "$inside" ] && [ -z "$over" ] && broken=malformed over=y
        return 0
    fi
    case $line in *[" $TAB$CR"]) line=${line%"${line##*[! "$TAB$CR"]}"} ;; esac
    case $line in
    '-----BEGIN '*) pem_boundary ;;
    '-----END '*)
        [ -n "$inside_key" ] && [ "$line" = "$inside_key" ] && key=whole
        inside_key=''
        [ -z "$over" ] && [ -n "$inside" ] || return 0
        inside=''
        if [ "$line" != '-----END CERTIFICATE-----' ]; then
            broken=truncated
        elif is_certificate "$block"; then
            blocks="$blocks-----BEGIN CERTIFICATE-----$NL$block$line$NL" found=y
        else
            broken=malformed
        fi
        [ -z "$broken" ] || over=y
        ;;
    *)
        [ -z "$over" ] && [ -n "$inside" ] || return 0
        case $line in
        *[!A-Za-z0-9+/=]*) broken=malformed over=y ;;
        '') ;;
        *) block=$block$line$NL ;;
        esac
        ;;
    esac
}

pem_boundary() {
    inside_key=''
    case $line in
    *'PRIVATE KEY-----')
        inside_key="-----END ${line#-----BEGIN }"
        [ "$key" = whole ] || key='cut'
        ;;
    esac
    [ -z "$over" ] || return 0
    if [ -n "$inside" ]; then
        broken=truncated over=y inside=''
    elif [ "$line" = '-----BEGIN CERTIFICATE-----' ]; then
        inside=y block=''
    else
        has_key=y over=$found
    fi
}

# Sets condition; blocks stay as they are where it is `read`.
most_blocks=$MOST_BLOCKS
pem_end() {
    if [ -z "$begun" ]; then
        condition=unreadable key=''
    elif [ "$size" -gt "$LARGEST_FILE" ]; then
        condition=too_large key=''
    elif [ -n "$found" ]; then
        condition='read'
        # a bundle that an answer cannot hold
        [ "${#blocks}" -le "$most_blocks" ] && [ $((${#blocks} + 4096)) -lt "$room" ] || condition=too_large key=''
    elif [ -n "$broken" ]; then
        condition=$broken
    elif [ -n "$inside" ]; then
        condition=truncated
    elif [ -n "$has_key" ]; then
        condition=key_only
    else
        condition=no_certificate
    fi
    [ "$condition" = read ] || blocks=''
}

# Whether a block's lines are as long as the DER that they begin with: nothing stands behind that, a key's least of all.
BASE64=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/
is_certificate() {
    case $1 in MII??[DTjz]C*) ;; *) return 1 ;; esac
    letters=${#1}
    # shellcheck disable=SC2086 # a line a word
    set -- $1
    letters=$((letters - $#))
    set -- "${1#MII}" # the length: twelve bits in two letters, two in the third
    set -- "${1%"${1#?}"}" "${1#?}"
    set -- "$1" "${2%"${2#?}"}" "${2#?}"
    case $3 in D*) low=4 ;; T*) low=5 ;; j*) low=6 ;; z*) low=7 ;; *) return 1 ;; esac
    high=${BASE64%%"$1"*} middle=${BASE64%%"$2"*}
    triples=$(((256 * ${#high} + 4 * ${#middle} + low + 2) / 3))
    [ "$letters" = $((4 * triples)) ]
}

# Sets link, at, and condition where that shows without reading; empty where the file is to be read. The link is
# resolved once: it may move while we look.
look_at_file() {
    condition='' blocks='' key='' link=''
    locate_name "$1" || { condition=$astray; return 0; }
    look_at_link "$at"
    case $link in
    /*) locate "$link" || { condition=$astray; return 0; } ;;
    ?*) [ -z "$below" ] || locate "$1" || { condition=$astray; return 0; } ;;
    esac
    look_at_content
    case $condition in
    missing) [ -z "$link" ] || condition=dangling ;;
    empty) key=none ;;
    esac
}

tell_file() { # ROLE PATH
    say "file $1 $condition $2"
    [ -n "$link" ] && say "link $link"
    [ -n "$blocks" ] && say "${blocks%"$NL"}"
    [ -n "$key" ] && say "key $key"
    return 0
}

# Reads the client's file; its link is read before and after, and all of it again where it changed meanwhile.
read_client() {
    looks=0
    while :; do
        look_at_file "$CLIENT"
        [ -n "$condition" ] || read_all pem_begin pem_line pem_end "$LARGEST_FILE" "$at"
        looks=$((looks + 1)) before=$link read_at=$at
        locate_name "$CLIENT" || break
        # shellcheck disable=SC3013 # all three shells have -ef
        [ -n "$before" ] && [ "$at" -ef "$read_at" ] && break # it still leads to what was read
        look_at_link "$at"
        [ "$link" = "$before" ] && break
        link=$before
        [ "$looks" -ge 3 ] && break
    done
}

# Files wait in a queue until one process reads them all; each path is told once.
queue_file() { # ROLE PATH
    is_among "$2" "$told_files" && return 0
    look_at_file "$2"
    enqueue "$1" "$2"
}

enqueue() { # ROLE PATH, which look_at_file has just looked at
    told_files=$told_files$2$NL
    if [ -n "$condition" ]; then
        tell_file "$1" "$2"
    else
        queue="$queue$1 ${link:--} $2$NL" queue_at=$queue_at$at$NL
    fi
}

# shellcheck disable=SC2086 # a path a line
read_queue() {
    [ -z "$queue" ] || read_all pem_begin pem_line queued_end "$LARGEST_FILE" $queue_at
    queue='' queue_at=''
}

queued_end() {
    waiting=${queue%%"$NL"*}
    queue=${queue#*"$NL"}
    role=${waiting%% *}
    waiting=${waiting#* }
    link=${waiting%% *}
    [ "$link" != - ] || link=''
    [ "$role" != dated ] || most_blocks=$MOST_HISTORY
    pem_end
    most_blocks=$MOST_BLOCKS
    tell_file "$role" "${waiting#* }"
}
