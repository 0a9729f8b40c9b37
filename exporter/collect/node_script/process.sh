
# The kubelet's process.

PROGRAMS='kubelet
k3s-agent
k3s-server
k3s
rke2
k0s
kubelite
hyperkube'

# Sets sight (seen, absent or hidden) and, of the process that is the kubelet, what the lines of tell_process say.
find_process() {
    sight=hidden process='' program='' names='' started='' user='' mounts='' best=-1
    set +f
    found=$(grep -slx -e "$PROGRAMS" "$ROOT"/proc/[0-9]*/comm) # a pattern a line
    set -f
    for path in $found; do consider "${path%/comm}"; done
    if [ -n "$process" ]; then
        sight=seen
    elif [ -r "$ROOT/proc/1/comm" ] || { [ -n "$ROOT" ] && [ -r "$ROOT/proc/stat" ]; }; then
        sight=absent # the first process is to be seen, so others are as well
    fi
    read_flags
}

# One of several counts: root's, then one that shares our mounts, then one called kubelet, then the oldest. So nobody's
# program of that name takes the place of the real one. One that numbers its processes for itself is never this node's
# kubelet, which sees all processes of its node, but that of another one, in a container here (kind).
consider() {
    name='' line='' its_user='' its_mounts='' rank=0
    read -r name <"$1/comm" && is_among "$name" "$PROGRAMS" && read -r line <"$1/stat" || return 0
    if [ "$name" = hyperkube ]; then
        case $(head -c 4096 "$1/cmdline" | tr '\000' ' ') in *' kubelet '*) ;; *) return 0 ;; esac
    fi
    line=${line##*) }
    IFS=' '
    # shellcheck disable=SC2086 # the fields from the third on
    set -- "$1" $line
    IFS=$NL
    [ "$#" -gt 20 ] && [ "$2" != Z ] && is_number "${21}" || return 0
    while IFS=" $TAB" read -r key value line; do
        case $key in
        Uid:) its_user=$value ;;
        NSpid:) [ -z "$line" ] && break || return 0 ;;
        esac
    done <"$1/status"
    if [ -n "$ROOT" ]; then
        its_mounts=''
    elif [ -e "$1/ns/mnt" ]; then
        # shellcheck disable=SC3013 # all three shells have -ef
        if [ "$1/ns/mnt" -ef /proc/self/ns/mnt ]; then its_mounts=shared; else its_mounts=own; fi
    elif read -r line <"$1/mountinfo" && read -r value </proc/self/mountinfo; then
        # an ordinary user sees the tables alone: no two mounts have one number
        if [ "$line" = "$value" ]; then its_mounts=shared; else its_mounts=own; fi
    fi
    names=$names$name$NL
    [ "$its_user" = 0 ] && rank=4
    [ "$its_mounts" = own ] || rank=$((rank + 2))
    [ "$name" = kubelet ] && rank=$((rank + 1))
    if [ "$rank" -gt "$best" ] || { [ "$rank" = "$best" ] && [ "${21}" -lt "$started" ]; }; then
        best=$rank process=$1 program=$name started=${21} user=$its_user mounts=$its_mounts
    fi
}

# Sets flags, "name value" a line, from the kubelet's arguments, else those of the last visit; knows_flags; and zone
# from its environment. Nothing else of either leaves this function.
read_flags() {
    flags='' knows_flags='' zone='' awaited=''
    if [ "$sight" != seen ]; then
        flags=$FLAGS
        [ -n "$FLAGS" ] && knows_flags=y
        return 0
    fi
    part='' IFS=$SEPARATOR # of which two have an empty word between them; of two newlines a shell makes one
    # both by one process: head(1) puts a line with each file's name before it, of which tr makes the start of a word
    for word in $(head -c 131072 /dev/null "$process/cmdline" "$process/environ" | tr '\n\036\000' '??\036'); do
        IFS=$NL
        case $word in
        '==> /dev/null <=='*"==> $process/cmdline <==?"*)
            case $program in kubelet | hyperkube) part=arguments knows_flags=y ;; esac
            continue
            ;;
        *"?==> $process/environ <==?"*)
            part=environment
            word=${word##*"==> $process/environ <==?"}
            ;;
        esac
        case $part$word in
        environmentTZ=*) plain "${word#TZ=}" && zone=$shown ;;
        arguments*) take_argument ;;
        esac
    done
    IFS=$NL
}

take_argument() {
    if [ -n "$awaited" ]; then
        add_flag "$awaited" "$word"
        awaited=''
        return 0
    fi
    case $word in
    --) part='' ;;
    --*) ;;
    *) return 0 ;;
    esac
    name=${word#--}
    name=${name%%=*}
    case $name in *_*) name=$(printf '%s\n' "$name" | tr _ -) ;; esac
    case $name in
    rotate-certificates | rotate-server-certificates)
        case $word in *=*) add_flag "$name" "${word#*=}" ;; *) add_flag "$name" true ;; esac
        ;;
    kubeconfig | bootstrap-kubeconfig | config | config-dir | cert-dir | root-dir | hostname-override | \
        tls-cert-file | tls-private-key-file | client-ca-file)
        case $word in *=*) add_flag "$name" "${word#*=}" ;; *) awaited=$name ;; esac
        ;;
    esac
}

# A value may be empty. One that begins with a dash is another flag, which may be a token's.
add_flag() {
    case $2 in
    '') shown='' ;;
    -*) shown='?' ;;
    *) plain "$2" ;;
    esac
    flags=$flags$1' '$shown$NL
}

# Sets value to that of a flag, the last one's; empty where it is not given.
flag() {
    value=''
    for line in $flags; do
        case $line in "$1 "*) value=${line#* } ;; esac
    done
}

tell_process() {
    if [ "$sight" != seen ]; then
        say "process $sight"
        return 0
    fi
    count=0
    for name in $names; do [ "$name" = "$program" ] && count=$((count + 1)); done
    say "process seen $program $count"
    say "process started $started 100" # USER_HZ, wherever Kubernetes runs
    is_number "$user" && say "process uid $user"
    [ -n "$zone" ] && say "process zone $zone"
    line=''
    read -r line <"$process/attr/current"
    [ -n "$line" ] && plain "${line%% *}" && [ "$shown" != '?' ] && say "process label $shown"
    [ -n "$mounts" ] && say "process mounts $mounts"
    for line in $flags; do
        case $line in *' ') line=$line- ;; esac # an empty value
        say "process flag $line"
    done
}

UNITS='kubelet.service
k3s.service
k3s-agent.service
rke2-server.service
rke2-agent.service
k0scontroller.service
k0sworker.service
snap.microk8s.daemon-kubelite.service'

# The unit that is loaded and active, else the first that is loaded.
tell_service() {
    unit='' service='' state='' first=''
    [ -z "$ROOT" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null || return 0
    # shellcheck disable=SC2086 # a unit a line
    for line in $(patiently systemctl show -p Id,LoadState,ActiveState,SubState,NRestarts,ExecMainStatus $UNITS); do
        value=${line#*=}
        if [ "${line%%=*}" = "$first" ] || [ -z "$first" ]; then
            choose_unit # the one before: a unit begins with the property that came first
            first=${line%%=*} id='' state='' active=- sub=- restarts=- status=-
        fi
        case $line in
        Id=*) id=$value ;;
        LoadState=*) state=$value ;;
        ActiveState=*) active=$value ;;
        SubState=*) sub=$value ;;
        NRestarts=*) is_number "$value" && restarts=$value ;;
        ExecMainStatus=*) is_number "$value" && status=$value ;;
        esac
    done
    choose_unit
    [ -n "$service" ] && say "service $service"
}

choose_unit() {
    [ "$state" = loaded ] || return 0
    case $service in
    '') ;;
    *' active '*) return 0 ;;
    *) [ "$active" = active ] || return 0 ;;
    esac
    plain "$id$active$sub"
    [ "$shown" != '?' ] || return 0
    unit=$id service="$id $active $sub $restarts $status"
}

# A command that asks a daemon: never for longer than PATIENCE where the node has timeout(1).
patiently() {
    if command -v timeout >/dev/null; then timeout "$PATIENCE" "$@"; else "$@"; fi
}
