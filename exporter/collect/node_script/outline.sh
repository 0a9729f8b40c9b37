
# The outline of a YAML document in block style: its shape, and the values of a short list of keys. What is written in
# a way that takes a parser is `intricate`, what none takes is `broken`; then no further lines follow.

outline_begin() {
    condition='' outline='' lines=0 named='' names_left=$MOST_NAMED embedded='' json='' bytes=0 closing=''
    first=y deeper=$WIDEST secret=$WIDEST secret_of='' child=''
    forget_pair
}

# shellcheck disable=SC2154 # line is the caller's
outline_line() {
    bytes=$((bytes + ${#line} + 1))
    if [ -n "$condition" ]; then # what is said of an open bracket depends on whether it is ever closed
        [ -z "$closing" ] || case $line in *"$closing"*) condition=intricate closing='' ;; esac
        return 0
    fi
    if [ -n "$json" ]; then
        [ "$bytes" -le "$LARGEST_JSON" ] || condition=intricate
        json=$json$line$NL
        return 0
    fi
    case $line in *[" $TAB$CR"]) line=${line%"${line##*[! "$TAB$CR"]}"} ;; esac
    [ -z "$first" ] || line=${line#"$BOM"}
    rest=${line#"${line%%[! "$TAB"]*}"}
    case $line in
    *[$CONTROL]*) condition=intricate ;;
    '---' | '--- '*'#'* | "---$TAB"*'#'*) if [ "$first" != n ]; then first=n; else condition=intricate; fi ;;
    '---'* | '...'* | '%'*) condition=intricate ;;
    *)
        case $rest in
        '') ;;
        '#'*) [ "$first" = y ] && first=c ;; # a comment; JSON has none
        *)
            case $first$rest in
            'y{'*) json=$rest$NL ;;
            *) outline_pair ;;
            esac
            ;;
        esac
        ;;
    esac
}

outline_pair() {
    rest=${line#"${line%%[! ]*}"}
    dash=. column=$((${#line} - ${#rest}))
    if [ "$column" -ge "$deeper" ]; then # without a colon it goes on with the plain scalar before it
        case ${rest%%[" $TAB"]#*} in *': '* | *":$TAB"* | *:) ;; *) condition=intricate; return 0 ;; esac
    fi
    deeper=$WIDEST
    case $rest in
    "$TAB"*) condition=broken; return 0 ;;
    '- '*)
        dash=- rest=${rest#- }
        rest=${rest#"${rest%%[! ]*}"}
        case $rest in '#'*) condition=intricate; return 0 ;; esac
        ;;
    esac
    indent=$((${#line} - ${#rest}))
    is_value_quoted=''
    case $rest in # most lines: words, a colon and a word, and nothing that means anything else
    [!a-zA-Z]* | *[!a-zA-Z0-9._/:\ -]* | *' :'* | *:*:* | *': '[!a-zA-Z0-9/]* | *null | *Null | *NULL) ;;
    *': '*)
        first=n deeper=$((indent + 1))
        outline_add "$indent" "$dash" "${rest%%:*}" "${rest#*: }"
        return 0
        ;;
    *:)
        first=n
        outline_add "$indent" "$dash" "${rest%:}" ''
        return 0
        ;;
    esac
    case $rest in - | '- '* | "-$TAB"* | "$TAB"*) condition=intricate; return 0 ;; esac
    if outline_key; then
        outline_value || return 0
        [ -z "$text" ] || [ -n "$is_value_quoted" ] || deeper=$((indent + 1))
        outline_add "$indent" "$dash" "$key" "$text"
    elif [ -z "$condition" ]; then
        if [ "$dash" = - ]; then
            value=$rest
            outline_value || return 0
            [ -n "$is_value_quoted" ] || deeper=$((column + 1))
            # an outline could not tell nothing from an item whose content follows
            if [ -n "$text" ]; then outline_add "$indent" - '' "$text"; else condition=intricate; fi
        else # a scalar of several lines; alone, it is no mapping
            condition=intricate
            case $first$rest in n* | [yc][\"\']*) ;; *) condition=broken ;; esac
        fi
    fi
    first=n
}

# Sets key and value from rest; fails where it is no key and value.
outline_key() {
    case $rest in
    [\"\']*)
        quoted "$rest" || { condition=intricate; return 1; }
        key=$inner
        behind=${behind#"${behind%%[! ]*}"}
        case $behind in : | ': '* | ":$TAB"*) value=${behind#:} && return 0 ;; esac
        return 1
        ;;
    esac
    refuse_indicator "$rest" || return 1
    key=${rest%%": "*}
    left=${rest%%":$TAB"*}
    [ "${#left}" -ge "${#key}" ] || key=$left
    [ "$key" != "$rest" ] || case $rest in *:) key=${rest%:} ;; *) return 1 ;; esac
    case $key in *" #"* | *"$TAB#"*) return 1 ;; esac
    value=${rest#"$key":}
    case $key in *' ') key=${key%"${key##*[! ]}"} ;; esac
}

# Sets text to the scalar of value; empty where there is none.
outline_value() {
    text=''
    value=${value#"${value%%[! ]*}"}
    case $value in
    '' | '#'*) return 0 ;;
    "$TAB"*) condition=intricate; return 1 ;;
    '{'* | '['*)
        left=${value%%" #"*}
        case $left in *' ') left=${left%"${left##*[! ]}"} ;; esac
        case $left in
        '{'*[!\ ]*'}' | '['*[!\ ]*']') ;;
        '{'*'}' | '['*']') return 0 ;;
        esac
        ;;
    [\"\']*)
        quoted "$value" || { condition=intricate; return 1; }
        text=$inner is_value_quoted=y
        case $behind in '' | ' '*'#'* | "$TAB"*'#'*) return 0 ;; esac
        condition=broken
        return 1
        ;;
    esac
    refuse_indicator "$value" || return 1
    value=${value%%" #"*}
    value=${value%%"$TAB#"*}
    case $value in *[" $TAB"]) value=${value%"${value##*[! "$TAB"]}"} ;; esac
    case $value in *': '* | *":$TAB"* | *:) condition=broken; return 1 ;; esac
    case $value in '~' | null | Null | NULL) ;; *) text=$value ;; esac
}

# What a plain scalar cannot begin with.
refuse_indicator() {
    case $1 in
    [\&*\!\|\>]* | '?' | '? '* | "?$TAB"*) condition=intricate ;;
    '{'*) closing='}' ;;
    '['*) closing=']' ;;
    %* | @* | \`* | ,* | '}'* | ']'* | - | '- '* | "-$TAB"*) condition=broken ;;
    *) return 0 ;;
    esac
    if [ -n "$closing" ]; then
        condition=broken
        case $line in *"$closing"*) condition=intricate closing='' ;; esac
    fi
    return 1
}

# Sets inner to what stands in quotes at the beginning, and behind to what follows; escapes stay as they are. Few marks
# that mean nothing may stand there: each takes as long as the text.
quoted() {
    behind=${1#?} inner='' mark=\' marks=0
    case $1 in \"*) mark=\" ;; esac
    [ "${#1}" -le "$LONGEST_QUOTED" ] || { condition=intricate; return 1; }
    while :; do
        case $behind in *"$mark"*) ;; *) return 1 ;; esac
        piece=${behind%%"$mark"*}
        behind=${behind#*"$mark"}
        inner=$inner$piece
        case $mark$behind in
        "''"*) # two single quotes are one
            behind=${behind#?} inner=$inner\'
            count_mark || return 1
            continue
            ;;
        esac
        [ "$mark" = '"' ] || return 0
        escaped=''
        while :; do
            case $piece in *\\) piece=${piece%?} ;; *) break ;; esac
            count_mark || return 1
            if [ -n "$escaped" ]; then escaped=''; else escaped=y; fi
        done
        [ -n "$escaped" ] || return 0
        inner=$inner\"
        count_mark || return 1
    done
}

count_mark() {
    marks=$((marks + 1))
    [ "$marks" -le "$MOST_MARKS" ] || { condition=intricate; return 1; }
}

# outline_add INDENT DASH KEY VALUE: a line, in which only what the list allows is shown
outline_add() {
    lines=$((lines + 1))
    if [ "$lines" -gt "$MOST_LINES" ] || [ "${#outline}" -gt "$MOST_OUTLINE" ]; then
        condition=intricate
        return 0
    fi
    [ "$2" = . ] || forget_pair
    word=$3 told=!
    [ "$1" -gt "$secret" ] || secret=$WIDEST
    if [ "$secret" = "$WIDEST" ]; then
        case $3 in
        clusters | contexts | users | context | cluster | user | authentication | x509 | featureGates) ;;
        *) secret=$1 secret_of=$3 child='' ;;
        esac
    else # below a key that holds no mapping of ours: nothing of it is told, but exec's own command
        [ -n "$child" ] || child=$1$2
        [ "$secret_of$child$3$2" = "exec$1.command." ] || word='*'
    fi
    case $word in
    client-certificate-data | client-key-data | certificate-authority-data)
        if [ -n "$4" ]; then
            embed "$3" "$4" || return 0
            told="#$data_count"
        fi
        ;;
    rotateCertificates | serverTLSBootstrap | RotateKubeletServerCertificate)
        [ -n "$is_value_quoted" ] || told=
        ;;
    server) case $4 in *@*) ;; *) told= ;; esac ;;
    apiVersion | kind | current-context | tokenFile | command | name | cluster | user) told= ;;
    certificate-authority | client-certificate | client-key | tlsCertFile | tlsPrivateKeyFile | clientCAFile)
        told=
        plain "$4"
        if [ "$shown" != '?' ] && [ "$names_left" -gt 0 ] && ! is_among "$4" "$named"; then
            named=$named$4$NL names_left=$((names_left - 1))
        fi
        remember_name "$3" "$4"
        ;;
    clusters | contexts | users | context | exec | auth-provider | token | password | username | authentication | \
        x509 | featureGates) ;;
    *) word='*' ;;
    esac
    if [ -z "$4" ]; then
        told=-
    elif [ -z "$told" ]; then
        case $4 in *\\*) [ -z "$json" ] || condition=intricate ;; esac # an escape that may come to plain text
        plain "$4"
        told=$shown
        case $shown in '?' | -) told=! ;; esac
    fi
    outline="${outline}line $1 $2 $word $told$NL"
}

# embed KEY BASE64: decodes what a kubeconfig embeds; of a key nothing but whether it is whole is kept for the answer.
embed() {
    case $2 in *\\*) condition=intricate; return 1 ;; esac
    value=${2%%=*}
    case $value in *[!A-Za-z0-9+/]*) condition=broken; return 1 ;; esac
    case $((${#2} % 4))${2#"$value"} in 0 | 0= | 0==) ;; *) condition=broken; return 1 ;; esac
    [ "$data_count" -lt "$MOST_DATA" ] || { condition=intricate; return 1; }
    data_count=$((data_count + 1)) value=''
    if command -v base64 >/dev/null; then value=$(printf '%s\n' "$2" | base64 -d | tr '\000' '?'); fi
    pem_begin
    begun=$value
    for line in $value; do pem_line; done
    pem_end
    if [ "$1" = client-key-data ]; then
        blocks=''
        [ "$condition" != read ] || condition=key_only
    fi
    embedded="${embedded}file data $condition #$data_count$NL$blocks${key:+key $key$NL}"
    remember_data "$1" "$value"
    condition='' value='' blocks='' begun=y
}

outline_end() {
    closing=''
    [ -z "$json" ] || [ -n "$condition" ] || outline_json
    [ -n "$begun" ] || condition=unreadable
    [ "$bytes" -le "$LARGEST_DOCUMENT" ] || condition=too_large outline='' embedded='' named=''
    [ -n "$condition" ] || condition='read'
    [ -n "$outline" ] || [ "$condition" != read ] || condition=empty
}
