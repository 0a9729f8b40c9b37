
# The store.

DEFAULT_STORE=/var/lib/kubelet/pki
CLIENT_LINK=kubelet-client-current.pem
SERVING_LINK=kubelet-server-current.pem
STORES='/var/lib/kubelet/pki
/var/lib/k0s/kubelet/pki
/var/lib/rancher/k3s/agent
/var/lib/rancher/rke2/agent
/var/snap/microk8s/current/certs
/etc/origin/node/certificates'

# Where the baked folder is the default, the one that this kubelet uses counts, and its files with it. --root-dir does
# not move it (kubernetes/kubernetes#53317).
choose_store() {
    [ "$STORE" = "$DEFAULT_STORE" ] || return 0
    store=$STORE
    if [ -n "$knows_flags" ]; then
        flag cert-dir
        case $value in /*) store=${value%/} ;; esac
    else
        for path in $STORES; do
            locate "$path" && [ -d "$at" ] && store=$path && break
        done
    fi
    [ "$store" != "$STORE" ] || return 0
    say "at store $store"
    case $store in
    */agent) client=$store/client-kubelet.crt serving=$store/serving-kubelet.crt ;;
    *) client=$store/$CLIENT_LINK serving=$store/$SERVING_LINK$NL$store/kubelet.crt ;;
    esac
    [ "$CLIENT" = "$STORE/$CLIENT_LINK" ] && CLIENT=$client
    [ "$SERVING" = "$STORE/$SERVING_LINK$NL$STORE/kubelet.crt" ] && SERVING=$serving
    STORE=$store
}

# Sets directory, and the names that matter: known, dated_client, dated_server, newest, and how many there are.
look_at_store() {
    known='' dated_client='' dated_server='' older_client='' older_server='' newest='' newest_server='' clients=0 servers=0 hidden=0 folder=''
    look_at_directory
    [ "$directory" = ok ] || return 0
    folder=$at
    set +f
    for path in "$folder"/kubelet*; do
        name=${path##*/}
        [ -L "$path" ] || [ -e "$path" ] || continue # the pattern itself, where nothing matches
        case $name in
        *[!A-Za-z0-9._-]*) hidden=$((hidden + 1)) ;;
        kubelet-client-current.pem | kubelet-client-updated.pem | kubelet-client.crt | kubelet-client.key | \
            kubelet-client.key.tmp | kubelet-server-current.pem | kubelet-server-updated.pem | kubelet-server.crt | \
            kubelet-server.key | kubelet.crt | kubelet.key) known=$known$name$NL ;;
        # no more of them than matter: to add to a text takes a shell as long as the text
        kubelet-client-*.pem)
            clients=$((clients + 1)) dated_client=$dated_client$name$NL
            [ $((clients % MOST_DATED)) != 0 ] || { older_client=$dated_client; dated_client=''; }
            ;;
        kubelet-server-*.pem)
            servers=$((servers + 1)) dated_server=$dated_server$name$NL
            [ $((servers % MOST_DATED)) != 0 ] || { older_server=$dated_server; dated_server=''; }
            ;;
        esac
    done
    set -f
    last "$MOST_DATED" "$older_client$dated_client" && dated_client=$kept
    last "$MOST_DATED" "$older_server$dated_server" && dated_server=$kept
    last "$NEWEST_READ" "$dated_client" && newest=$kept
    last "$MOST_DATED_SERVER" "$dated_server" && newest_server=$kept
}

look_at_directory() {
    directory=ok
    if ! locate "$STORE"; then
        directory=$astray
    elif ! answers "$at"; then
        directory=unreadable
    elif [ -d "$at" ]; then
        [ -r "$at" ] && [ -x "$at" ] || directory=denied
    elif [ -e "$at" ]; then
        directory=not_a_directory
    elif is_denied "$at"; then
        directory=denied
    else
        directory=missing
    fi
}

# last HOW_MANY NAMES: sets kept to the last ones by name, which begins with the date
last() {
    most=$1
    # shellcheck disable=SC2086 # a name a line
    set -- $2
    [ $# -le "$most" ] || shift $(($# - most))
    kept="$*"
    [ $# = 0 ] || kept=$kept$NL
}

may_be_between() {
    [ "$clients" -gt 0 ] || [ -L "$folder/kubelet-client-updated.pem" ]
}

# The folder and the names that a kubelet has one of; the dated ones wait, they are the history.
tell_store() {
    say "directory $directory"
    say "count client $clients"
    say "count server $servers"
    say "count hidden $hidden"
    history='' history_server=''
    [ "$directory" = ok ] || return 0
    set -- "$folder/."
    for name in $known $dated_client $dated_server; do set -- "$@" "$folder/$name"; done
    for line in $(statuses '' "$@"); do
        name=${line##*/}
        status=${line%" $folder/$name"}
        if [ "$name" = . ]; then
            status=${status% *} # no time,
            say "folder stat ${status% *}" # no size
        elif is_among "$name" "$known"; then
            say "entry $status $STORE/$name"
        elif is_among "$name" "$dated_client"; then
            history="${history}entry $status $STORE/$name$NL"
        else
            history_server="${history_server}entry $status $STORE/$name$NL"
        fi
    done
    tell_folder
}

tell_folder() {
    tell_writable 'folder writable' "$folder"
    tell_room
    tell_mount
    if [ -z "$ROOT" ] && [ -e /sys/fs/selinux/enforce ]; then
        line=$($patience ls -Zd "$folder")
        plain "${line%% *}"
        [ "$shown" = '?' ] || say "folder label $shown"
    fi
}

# What df(1) calls available. A file system without a number of files makes them as it needs them.
tell_room() {
    command -v stat >/dev/null || return 0
    line=$($patience stat -f -c '%a %S %d %c' "$folder")
    IFS=' '
    # shellcheck disable=SC2086 # four numbers are meant
    set -- $line
    IFS=$NL
    [ $# = 4 ] && is_number "$1$2$3$4" || return 0
    files=$3
    [ "$4" != 0 ] || files=-
    say "folder free $(($1 * $2 / 1024)) $files"
}

# The longest mount point above the store, where that really is (/var/run is a link); the later one of two equals.
tell_mount() {
    longest='' told=''
    in_use=$target # which following a link sets
    [ -n "$table" ] && follow "$STORE" || return 0
    real=${at#"$below"} target=$in_use
    [ "$real" = "$surveyed" ] || mounted=$(mounts_above "$real")
    for line in $mounted; do
        IFS=' '
        # shellcheck disable=SC2086 # the words of one line are meant
        set -- $line
        IFS=$NL
        [ $# -gt 6 ] || continue
        mount=${5%/} # a word of its own: in bash an empty "${5%/}" in a pattern matches nothing
        case $real/ in "$mount"/*) ;; *) continue ;; esac
        [ "${#5}" -ge "${#longest}" ] || continue
        longest=$5
        line=${line#* - }
        access=rw
        case ,$6, in *,ro,*) access=ro ;; esac
        case ,${line##* }, in *,ro,*) access=ro ;; esac
        plain "${line%% *}"
        told="folder mount $shown $access"
    done
    [ -n "$told" ] && say "$told"
}

# What is told last, and what a long answer lacks: the oldest names.
tell_history() {
    shorten "$history" $((room / 2)) && [ -n "$kept" ] && say "${kept%"$NL"}"
    shorten "$history_server" "$room" && [ -n "$kept" ] && say "${kept%"$NL"}"
}

shorten() { # LINES BYTES: sets kept
    kept=$1
    while [ -n "$kept" ] && [ "${#kept}" -ge "$2" ]; do kept=${kept#*"$NL"}; done
}
