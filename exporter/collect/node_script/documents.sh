
# The kubelet's own files: kubeconfig, bootstrap kubeconfig, configuration and its drop-ins.

KUBECONFIGS='/etc/kubernetes/kubelet.conf
/var/lib/kubelet/kubeconfig
/etc/kubernetes/kubeconfig-kubelet
/var/lib/k0s/kubelet.conf
/var/lib/rancher/k3s/agent/kubelet.kubeconfig
/var/lib/rancher/rke2/agent/kubelet.kubeconfig
/etc/kubernetes/ssl/kubecfg-kube-node.yaml
/var/snap/microk8s/current/credentials/kubelet.config'
BOOTSTRAPS='/etc/kubernetes/bootstrap-kubelet.conf
/var/lib/kubelet/bootstrap-kubeconfig
/etc/kubernetes/bootstrap-kubeconfig
/etc/kubernetes/kubeconfig
/var/lib/k0s/kubelet-bootstrap.conf'
CONFIGS='/var/lib/kubelet/config.yaml
/etc/kubernetes/kubelet-config.yaml
/etc/kubernetes/kubelet.conf
/etc/kubernetes/kubelet/config.json
/etc/kubernetes/kubelet/kubelet-config.json
/var/lib/k0s/kubelet-config.yaml
/etc/kubernetes/kubelet.yaml'

CONFIGURATION='\(^\|[ {,]\)"\{0,1\}kind"\{0,1\} *: *["'\'']\{0,1\}KubeletConfiguration'

# What the flags name counts, there or not; without flags the first of the distributions' places that exists.
queue_documents() {
    documents='' documents_at='' data_count=0
    if [ -n "$knows_flags" ]; then
        flag kubeconfig
        [ -z "$value" ] || queue_document kubeconfig "$value"
        flag bootstrap-kubeconfig
        [ -z "$value" ] || queue_document bootstrap "$value"
        flag config
        [ -z "$value" ] || queue_document config "$value"
        flag config-dir
        [ -z "$value" ] || queue_drop_ins "$value"
    else
        first_document kubeconfig "$KUBECONFIGS"
        first_document bootstrap "$BOOTSTRAPS"
        first_document config "$CONFIGS"
    fi
}

# OpenShift's kubelet.conf is a configuration, other distributions' a kubeconfig.
first_document() { # ROLE PATHS
    for path in $2; do
        locate "$path" || continue
        [ -L "$at" ] || [ -e "$at" ] || is_denied "$at" || continue
        if [ "$path" = /etc/kubernetes/kubelet.conf ]; then
            kind=kubeconfig
            [ -f "$at" ] && $patience grep -q "$CONFIGURATION" "$at" && kind=config
            [ "$kind" = "$1" ] || continue
        fi
        queue_document "$1" "$path"
        return 0
    done
}

# The files of a folder that end in .conf, also below folders in it, in the order of Go's filepath.WalkDir. A folder
# that cannot be walked through, or not to its end, is told in their place.
queue_drop_ins() { # FOLDER
    condition=''
    if [ "${1#/}" = "$1" ]; then
        condition=unreadable
    elif ! locate "$1"; then
        condition=$astray
    elif ! [ -e "$at" ]; then
        condition=missing
        if is_denied "$at"; then condition=denied; fi
    elif ! [ -d "$at" ]; then
        case $1 in *.conf) queue_document drop_in "$1" ;; esac
        return 0
    elif ! [ -r "$at" ] || ! [ -x "$at" ]; then
        condition=denied
    fi
    if [ -n "$condition" ]; then
        say "document drop_in $condition $1"
        return 0
    fi
    place=$at drop_ins=0 walked=0 waiting=''
    entries_of "$place"
    while [ -n "$waiting" ]; do
        path=${waiting%%"$NL"*}
        waiting=${waiting#*"$NL"}
        if ! [ -L "$path" ] && [ -d "$path" ]; then
            walked=$((walked + 1))
            [ "$walked" -le "$MOST_FOLDERS" ] && entries_of "$path"
            continue
        fi
        drop_ins=$((drop_ins + 1))
        [ "$drop_ins" -le "$MOST_DROP_INS" ] || break
        plain "$path"
        [ "$shown" = '?' ] || shown=${1%/}${path#"$place"}
        queue_document drop_in "$shown"
    done
    if [ "$drop_ins" -gt "$MOST_DROP_INS" ] || [ "$walked" -gt "$MOST_FOLDERS" ]; then
        say "document drop_in too_large $1"
    fi
}

# Puts a folder's folders and .conf files before what waits.
entries_of() {
    set +f
    set -- "$1"/*
    set -f
    for entry in "$@"; do
        case $entry in
        *"$NL"*) entry='?.conf' ;; # no name of ours
        *.conf) ;;
        *) if [ -L "$entry" ] || ! [ -d "$entry" ]; then continue; fi ;;
        esac
        found_entries=${found_entries:-}$entry$NL
    done
    waiting=${found_entries:-}$waiting found_entries=''
}

# Sets condition where that shows without reading, and tells the document then.
queue_document() { # ROLE PATH
    condition=''
    case $2 in
    /*)
        if ! locate "$2"; then
            condition=$astray
        else
            look_at_content
        fi
        ;;
    *) condition=unreadable at='' ;; # relative to a folder that we do not know, or not plain
    esac
    if [ -n "$condition" ]; then
        [ "$condition" = "$astray" ] && at=''
        say "document $1 $condition $2"
        status=''
        [ -z "$at" ] || ! [ -e "$at" ] || status=$(statuses L "$at")
        tell_status "$status"
    else
        documents="$documents$1 $2$NL" documents_at=$documents_at$at$NL
    fi
}

# shellcheck disable=SC2086 # a path a line
read_documents() {
    [ -n "$documents" ] || return 0
    document_statuses=$(statuses L $documents_at)
    read_all outline_begin outline_line document_end "$LARGEST_DOCUMENT" $documents_at
}

document_end() {
    outline_end
    waiting=${documents%%"$NL"*}
    documents=${documents#*"$NL"}
    at=${documents_at%%"$NL"*}
    documents_at=${documents_at#*"$NL"}
    # an outline that an answer cannot hold
    [ $((${#outline} + ${#embedded} + 16384)) -lt "$room" ] || condition=intricate outline='' embedded=''
    say "document ${waiting%% *} $condition ${waiting#* }"
    for line in $document_statuses; do
        case $line in *" $at") tell_status "$line" && break ;; esac
    done
    [ -z "$outline" ] || say "${outline%"$NL"}"
    [ -z "$embedded" ] || say "${embedded%"$NL"}"
    [ "$condition" = broken ] || queue_named_files "${waiting#* }"
}

# tell_status "MODE UID GID SIZE MTIME PATH", or nothing, of what is at the place `at`
tell_status() {
    case $1 in ?*) say "stat ${1%" $at"}" ;; esac
    [ -n "$at" ] || return 0
    target=$at
    [ -e "$at" ] || target=${at%/*}/.
    tell_writable writable "$target"
}

# The PEM files that a document names: a relative one from the document's own folder.
queue_named_files() { # PATH
    for name in $named; do
        case $name in
        /*) ;;
        *)
            clean "${1%/*}/$name"
            name=$cleaned
            ;;
        esac
        queue_file pem "$name"
    done
}

# Sets cleaned to a path without `.`, `..` and `//`, as Go's filepath.Join has it.
clean() {
    cleaned='' rest=$1
    while [ -n "$rest" ]; do
        part=${rest%%/*}
        case $rest in */*) rest=${rest#*/} ;; *) rest='' ;; esac
        case $part in
        '' | .) ;;
        ..) cleaned=${cleaned%/*} ;;
        *) cleaned=$cleaned/$part ;;
        esac
    done
}

queue_flag_files() {
    for name in tls-cert-file tls-private-key-file client-ca-file; do
        flag "$name"
        case $value in /*) queue_file pem "$value" ;; esac
    done
}

# Of the store: what the kubelet opens beside the client's link. Its own kubelet.crt and kubelet.key count when missing.
queue_store_files() {
    for name in kubelet-client kubelet-server; do
        # a kubelet that starts makes it the link, where there is none
        is_among "$name-updated.pem" "$known" || continue
        look_at_file "$STORE/$name-current.pem"
        case $condition in missing | dangling) queue_file pem "$STORE/$name-updated.pem" ;; esac
    done
    for name in $newest_server; do queue_file pem "$STORE/$name"; done
    for name in $CLIENT_LINK kubelet-client.crt kubelet-client.key $SERVING_LINK kubelet-server.crt kubelet-server.key \
        kubelet.crt kubelet.key; do
        case $name in
        kubelet.crt | kubelet.key) queue_file pem "$STORE/$name" ;;
        *) is_among "$name" "$known" && queue_file pem "$STORE/$name" ;;
        esac
    done
    # left behind between unlink and rename: it becomes the link where there is none
    for name in kubelet-client kubelet-server; do
        if ! is_among "$name-updated.pem" "$known" || ! locate "$STORE/$name-current.pem"; then continue; fi
        [ -e "$at" ] || queue_file pem "$STORE/$name-updated.pem"
    done
}
