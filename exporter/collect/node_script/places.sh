
# Where a path of the kubelet's is for us, and whether looking there could hang.

# Sets below (what its paths are looked at below) and careful. Only a mount of another machine or of a program can hang:
# where there is none nothing is asked twice.
survey_mounts() {
    table='' below=$ROOT careful='' patience='' mounted='' risky='' hung='' answering=''
    # an ordinary user is denied all that is there: that it is not here says nothing
    if [ "$mounts" = own ] && { [ -d "$process/root/." ] || [ "$uid" != 0 ]; }; then below=$process/root; fi
    [ -z "$ROOT" ] || return 0
    flag cert-dir
    surveyed=${value:-$STORE} table=/proc/self/mountinfo
    surveyed=${surveyed%/}
    [ -n "$process" ] && [ -r "$process/mountinfo" ] && table=$process/mountinfo
    kinds='9p\|afs\|beegfs\|ceph\|cifs\|fuse\|fuse\.[^ ]*\|gfs2\|glusterfs\|gpfs\|lustre\|nfs4*\|ocfs2\|smb[0-9]*'
    mounted=$(mounts_above "$surveyed" -e " - \\($kinds\\) ") || careful=y
    for line in $mounted; do
        case ${line##* - } in
        9p' '* | afs' '* | \
            beegfs' '* | ceph' '* | cifs' '* | fuse' '* | fuse.* | gfs2' '* | glusterfs' '* | gpfs' '* | \
            lustre' '* | nfs* | ocfs2' '* | smb*)
            IFS=' '
            # shellcheck disable=SC2086 # the fifth word is meant
            set -- $line
            IFS=$NL
            careful=y risky=$risky$5$NL
            ;;
        esac
    done
    # a timeout(1) that cannot be used so is none
    [ -z "$careful" ] || timeout -s KILL 1 true || careful=''
    [ -z "$careful" ] || patience=timeout$NL-s${NL}KILL$NL$PATIENCE # words before each command on the node's files
}

# mounts_above PATH GREP_ARGUMENT...: the table's mounts that PATH may lie in, and those that the arguments ask for
mounts_above() {
    path=$1
    shift
    while [ -n "$path" ]; do
        case $path in *[!A-Za-z0-9/._-]*) ;; *) set -- "$@" -e "^[^ ]* [^ ]* [^ ]* [^ ]* $path " ;; esac
        path=${path%/*}
    done
    grep -s "$@" -e '^[^ ]* [^ ]* [^ ]* [^ ]* / ' "$table"
}

# Whether a folder answers; a mount whose server went away does not.
answers() {
    [ -n "$careful" ] || return 0
    is_among "$1" "$hung" && return 1
    is_among "$1" "$answering" && return 0
    $patience ls -Ld "$1/." >/dev/null
    if [ $? = 137 ]; then
        hung=$hung$1$NL
        return 1
    fi
    answering=$answering$1$NL
}

# Sets at to where a path is for us; fails where that hangs, or is outside the folder that we look below. There, each
# link is followed here, for the kernel would take an absolute one at our own root.
locate() {
    at=$1 astray=''
    if [ -n "$below" ]; then follow "$1" || return 1; fi
    if ! answers "${at%/*}" || ! answers_itself; then
        astray=unreadable
        return 1
    fi
}

# What may lead into such a mount, or is one: not even whether it is a link can be asked of that.
answers_itself() {
    [ -n "$careful" ] || return 0
    is_among "${at#"$below"}" "$risky" || [ -L "$at" ] || return 0
    answers "$at"
}

follow() {
    at='' rest=$1 links=0
    while [ -n "$rest" ]; do
        part=${rest%%/*}
        case $rest in */*) rest=${rest#*/} ;; *) rest='' ;; esac
        case $part in
        '' | .) ;;
        ..)
            [ -n "$at" ] || { astray=outside_root; return 1; }
            at=${at%/*}
            ;;
        *)
            if [ -L "$below$at/$part" ]; then
                links=$((links + 1))
                [ "$links" -le 40 ] || { astray=outside_root; return 1; }
                read_link "$below$at/$part"
                case $target in /*) at='' ;; esac
                rest=$target/$rest
            else
                at=$at/$part
            fi
            ;;
        esac
    done
    at=$below$at
}

# As locate, but a link at the path itself stays one.
locate_name() {
    folder_of=${1%/*}
    locate "${folder_of:-/}/." || return 1
    at=${at%/.}/${1##*/}
}

# Sets target to a link's text.
read_link() {
    if command -v readlink >/dev/null; then
        target=$(readlink "$1"; echo .)
    else
        target=$(ls -ld "$1"; echo .)
        target=${target#* -> }
    fi
    target=${target%"$NL".}
}

# Sets link to the text of a link where it is plain, "?" where it is not, nothing where there is no link.
look_at_link() {
    link=''
    [ -L "$1" ] || return 0
    read_link "$1"
    plain "$target"
    link=$shown
}

# Sets condition to why what lies at $at is not to be read; leaves it where it is.
look_at_content() {
    if ! [ -e "$at" ]; then
        condition=missing
        if is_denied "$at"; then condition=denied; fi
    elif ! [ -f "$at" ]; then
        condition=not_regular
    elif ! [ -r "$at" ]; then
        condition=denied
    elif ! [ -s "$at" ]; then
        condition=empty
    fi
}

# Whether a path that cannot be seen is there behind a closed door; only the C locale's words tell.
is_denied() {
    door=$1
    while ! [ -L "$door" ]; do
        door=${door%/*}
        [ -d "${door:-/}" ] || continue
        [ -x "${door:-/}" ] && return 1 # it is open, and what was looked for is not in it
        break
    done
    case $($patience ls -Ld "$1" 2>&1) in
    *'Permission denied'*) return 0 ;;
    *) return 1 ;;
    esac
}

# statuses L|'' PATH...: prints "MODE UID GID SIZE MTIME PATH" a line of each that is there; of a link itself without L
statuses() {
    deref=$1
    shift
    [ $# -gt 0 ] || return 0
    if command -v stat >/dev/null; then
        $patience stat ${deref:+-L} -c '%A %u %g %s %Y %n' "$@"
    else
        for path in "$@"; do status_by_ls "$path"; done
    fi
}

# Without stat(1): ls tells all but the time. A device shows two numbers in place of its size.
status_by_ls() {
    line=$($patience ls "-lnd$deref" "$1")
    IFS=" $TAB"
    # shellcheck disable=SC2086 # the words of one line are meant
    set -- "$1" $line
    IFS=$NL
    [ $# -ge 7 ] || return 0
    size=$6
    case $size in *[!0-9]*) size=0 ;; esac
    printf '%s %s %s %s - %s\n' "$2" "$4" "$5" "$size" "$1"
}

# Whether root could write to a path: read-only mounts and immutable folders say no. busybox's own test(1) looks at
# modes alone, by which root may do all; a file that not even root can write to tells such a one.
UNWRITABLE=/proc/sys/kernel/random/boot_id

find_judge() {
    judge=''
    [ "$uid" = 0 ] && [ -e "$UNWRITABLE" ] || return 0
    if ! [ -w "$UNWRITABLE" ]; then
        judge=shell
    elif [ -x /usr/bin/test ] && ! /usr/bin/test -w "$UNWRITABLE"; then
        judge=program
    fi
}

tell_writable() { # WORDS PATH
    case $judge in
    shell) [ -w "$2" ] ;;
    program) $patience /usr/bin/test -w "$2" ;;
    *) return 0 ;;
    esac
    case $? in
    0) say "$1 yes" ;;
    1) say "$1 no" ;;
    esac
}
