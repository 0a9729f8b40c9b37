
# The kubelet's journal of the last hour, where the configuration asks for it: how often a line said what we know, by
# the beginning of its message. No line is ever told.

SIGNS='not_signed
denied
forbidden
unauthorized
unknown_authority
unreachable
not_stored
backoff
rotated
bootstrap_expired
bootstrap_unloadable
no_client_certificate
no_serving_certificate'

tell_journal() {
    [ -n "$JOURNAL" ] && [ -z "$ROOT" ] && command -v journalctl >/dev/null || return 0
    signs=''
    for line in $(
        {
            patiently journalctl -u "${unit:-kubelet.service}" -o cat --since=-1h -n 2000 --no-pager -q
            echo "status $?"
        } | tail -c 1048576 | tr '\000' '?'
    ); do
        case $line in
        [IWEF][0-9][0-9][0-9][0-9]' '*'] '*) message=${line#*"] "} ;;
        '{'*'"msg":"'*) message=\"${line#*'"msg":"'} ;;
        *) continue ;;
        esac
        read_sign
        [ -z "$sign" ] || signs=$signs$sign$NL
    done
    [ "$line" = 'status 0' ] || return 0
    say 'journal none 0' # it was read
    for sign in $SIGNS; do
        count=0
        for found in $signs; do [ "$found" = "$sign" ] && count=$((count + 1)); done
        [ "$count" = 0 ] || say "journal $sign $count"
    done
}

# Sets sign to what a message means; the lines of 1.20 to 1.37 (client-go util/certificate, pkg/kubelet/certificate).
read_sign() {
    sign=''
    message=${message#\"}
    case $message in 'kubernetes.io/'*': '*) message=${message#*: } ;; esac # the signer, from 1.22 on
    case $message in
    [Cc]'ertificate request was not signed'*)
        sign=not_signed
        case $message in *'request is denied'*) sign=denied ;; esac
        ;;
    'Failed while requesting a signed certificate from the '*)
        case $message in
        *' is forbidden'*) sign=forbidden ;;
        *Unauthorized*) sign=unauthorized ;;
        *) read_failure ;;
        esac
        ;;
    'Unable to register node with API server'* | 'Failed to ensure lease exists'* | 'Error updating node status'* | \
        'Unhandled Error" err="k8s.io/client-go/'*' *v1.Node: '*) read_failure ;;
    'Unable to store the new cert/key pair'*) sign=not_stored ;;
    'Reached backoff limit, still unable to rotate certs'*) sign=backoff ;;
    [Cc]'ertificate rotation detected'*) sign=rotated ;;
    [Pp]'art of the existing bootstrap client certificate'*) sign=bootstrap_expired ;;
    'command failed" err="failed to run Kubelet: unable to load bootstrap kubeconfig'* | \
        'Failed to run kubelet" err="failed to run Kubelet: unable to load bootstrap kubeconfig'* | \
        'failed to run Kubelet: unable to load bootstrap kubeconfig'*) sign=bootstrap_unloadable ;;
    'No valid client certificate is found'* | 'It has been '*' since a valid client cert was found'*)
        sign=no_client_certificate
        ;;
    'http: TLS handshake error '*'no serving certificate available for the kubelet'*) sign=no_serving_certificate ;;
    esac
}

read_failure() {
    case $message in
    *'x509: certificate signed by unknown authority'*) sign=unknown_authority ;;
    *'dial tcp'* | *'i/o timeout'* | *'no route to host'*) sign=unreachable ;;
    esac
}
