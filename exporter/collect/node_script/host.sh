
# The machine, and who we are on it.

tell_user() {
    uid=''
    while IFS=" $TAB" read -r key value line; do
        [ "$key" = Uid: ] && uid=${line%%[ "$TAB"]*} && break # the effective one
    done </proc/self/status
    is_number "$uid" || uid=$(id -u)
    say "uid $uid"
}

tell_time() {
    if [ -z "$ROOT" ]; then
        now=$(unset TZ && date '+%s %z')
    elif [ -r "$ROOT/etc/localtime" ]; then
        now=$(TZ=:$ROOT/etc/localtime date '+%s %z')
    else
        now=$(date +%s)
    fi
    say "time ${now%% *}"
    case $now in *' '[+-][0-9][0-9][0-9][0-9]) say "zone ${now#* }" ;; esac
}

tell_host() {
    if [ -n "$ROOT" ] && [ -s "$ROOT/etc/hostname" ]; then
        host_line name "$ROOT/etc/hostname"
    else
        host_line name "$ROOT/proc/sys/kernel/hostname"
    fi
    told=''
    set --
    for path in "$ROOT/proc/stat" "$ROOT/etc/os-release" "$ROOT/usr/lib/os-release"; do
        [ -f "$path" ] && set -- "$@" "$path" # all else may never end
    done
    # shellcheck disable=SC2013 # IFS is a newline
    for found in $(grep -s '^btime \|^ID=' /dev/null "$@"); do
        case $found in
        *"/proc/stat:btime "*) is_number "${found##* }" && say "host booted ${found##* }" ;;
        *)
            [ -z "$told" ] || continue # /etc/os-release, which comes first, counts
            value=${found#*:ID=} told=y
            value=${value#[\"\']}
            tell_plain system "${value%[\"\']}"
            ;;
        esac
    done
    if [ -s "$ROOT/etc/machine-id" ] && [ -r "$ROOT/etc/machine-id" ]; then
        checksum_of "$ROOT/etc/machine-id"
        [ -n "$sum" ] && say "host machine $sum"
    fi
    host_line boot "$ROOT/proc/sys/kernel/random/boot_id"
    host_line uptime "$ROOT/proc/uptime"
    tell_awake
}

# host_line WORD FILE: the first word of a file's first line
host_line() {
    [ -f "$2" ] || return 0
    value=''
    read -r value <"$2"
    tell_plain "$1" "${value%% *}"
}

tell_plain() {
    plain "$2"
    [ "$shown" = '?' ] || say "host $1 $shown"
}

# CLOCK_MONOTONIC, which stands still in suspend; the file goes on for every processor, so only its head is read.
tell_awake() {
    [ -r "$ROOT/proc/timer_list" ] || return 0
    {
        read -r line && read -r line && read -r line || return 0
    } <"$ROOT/proc/timer_list"
    case $line in
    'now at '*' nsecs')
        line=${line#now at }
        is_number "${line% nsecs}" && say "host awake ${line% nsecs}"
        ;;
    esac
}

# Sets sum; empty where the node cannot tell.
checksum_of() {
    sum=''
    command -v sha256sum >/dev/null || return 0
    sum=$(sha256sum <"$1")
    sum=${sum%% *}
}
