
# Whether two files hold the halves of one key, where the configuration asks for it: openssl(1) takes its time.

pairs='' # "CERTIFICATE KEY" a line

queue_pair() { # CERTIFICATE KEY
    [ -n "$COMPARE" ] || return 0
    is_among "$1 $2" "$pairs" || pairs="$pairs$1 $2$NL"
}

queue_store_pairs() {
    [ -n "$COMPARE" ] || return 0
    queue_pair "$CLIENT" "$CLIENT"
    for name in $known; do
        case $name in
        "$SERVING_LINK") queue_pair "$STORE/$name" "$STORE/$name" ;;
        kubelet-client.crt | kubelet-server.crt | kubelet.crt) queue_pair "$STORE/$name" "$STORE/${name%crt}key" ;;
        esac
    done
    flag tls-cert-file
    name_certificate=$value
    flag tls-private-key-file
    case $name_certificate:$value in /*:/*) queue_pair "$name_certificate" "$value" ;; esac
}

tell_pairs() {
    command -v openssl >/dev/null || return 0
    for pair in $pairs; do
        plain "${pair%% *}${pair#* }"
        [ "$shown" != '?' ] || continue
        look_at_file "${pair%% *}"
        certificate_at=$at
        [ -z "$condition" ] || continue
        look_at_file "${pair#* }"
        [ -z "$condition" ] || continue
        tell_pair "$($patience openssl x509 -in "$certificate_at" -noout -pubkey)" \
            "$($patience openssl pkey -in "$at" -passin pass: -pubout)" "$pair"
    done
}

tell_pair() { # PUBLIC PUBLIC "CERTIFICATE KEY"
    [ -n "$1" ] && [ -n "$2" ] || return 0
    if [ "$1" = "$2" ]; then say "pair yes $3"; else say "pair no $3"; fi
}

# What one user of a kubeconfig, or one configuration, names and embeds.
forget_pair() {
    data_certificate='' data_key='' number_certificate='' number_key='' name_certificate='' name_key=''
}

remember_name() { # KEY PATH
    case $1 in
    client-certificate | tlsCertFile) name_certificate=$2 ;;
    client-key | tlsPrivateKeyFile) name_key=$2 ;;
    *) return 0 ;;
    esac
    case $name_certificate:$name_key in /*:/*) queue_pair "$name_certificate" "$name_key" ;; esac
}

remember_data() { # KEY TEXT
    [ -n "$COMPARE" ] && command -v openssl >/dev/null || return 0
    case $1 in
    client-certificate-data) data_certificate=$2 number_certificate=$data_count ;;
    client-key-data) data_key=$2 number_key=$data_count ;;
    *) return 0 ;;
    esac
    [ -n "$data_certificate" ] && [ -n "$data_key" ] || return 0
    same=$(tell_pair "$(printf '%s\n' "$data_certificate" | openssl x509 -noout -pubkey)" \
        "$(printf '%s\n' "$data_key" | openssl pkey -passin pass: -pubout)" "#$number_certificate #$number_key")
    embedded=$embedded${same:+$same$NL}
    data_certificate='' data_key=''
}
