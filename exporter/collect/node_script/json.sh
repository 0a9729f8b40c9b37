
# A JSON document as the lines that it would have in block-style YAML, a level two columns.

# What is no JSON may be YAML in flow style, which looks alike: intricate. What is cut off is neither.
# shellcheck disable=SC2154 # json is outline_line's
outline_json() {
    rest=$json stack='' want=value key='' dash=. no_json=''
    while [ -z "$condition$no_json" ]; do
        rest=${rest#"${rest%%[! "$TAB$CR$NL"]*}"}
        [ -n "$rest" ] || break
        json_token
    done
    [ -n "$condition" ] || [ "$want" = end ] || no_json=y
    [ -n "$no_json" ] || return 0
    outline='' embedded='' named='' condition=broken
    case $json in *[!\}]) json=${json%"${json##*[! "$TAB$CR$NL"]}"} ;; esac
    case $json in *'}' | *'#'*) condition=intricate ;; esac
}

json_token() {
    token=${rest%"${rest#?}"}
    case $want$token in
    'value{' | 'value[') json_open ;;
    'value"')
        quoted "$rest" || { no_json=y; return 0; }
        rest=$behind is_value_quoted=y
        json_scalar "$inner"
        ;;
    value[-0-9tfn])
        text=${rest%%[]\},"$TAB$CR$NL "]*}
        case $text in true | false | null | [-0-9]*) ;; *) no_json=y ;; esac
        rest=${rest#"$text"} is_value_quoted=''
        [ "$text" != null ] || text=''
        json_scalar "$text"
        ;;
    'key"')
        quoted "$rest" || { no_json=y; return 0; }
        key=$inner
        rest=${behind#"${behind%%[! "$TAB$CR$NL"]*}"}
        case $rest in :*) rest=${rest#:} want=value ;; *) no_json=y ;; esac
        ;;
    after,)
        rest=${rest#?} want=value
        case $stack in *'{') want=key ;; esac
        ;;
    'after}' | 'after]')
        case $stack$token in
        *'{}' | *'[]') rest=${rest#?} stack=${stack%?} ;;
        *) no_json=y ;;
        esac
        [ -n "$stack" ] || want=end
        ;;
    *) no_json=y ;;
    esac
}

json_open() {
    rest=${rest#?}
    rest=${rest#"${rest%%[! "$TAB$CR$NL"]*}"}
    case $token$rest in
    '{}'* | '[]'*)
        rest=${rest#?}
        if [ -n "$stack" ]; then json_scalar ''; else want=end; fi
        return 0
        ;;
    esac
    case $stack in
    *'{')
        outline_add "$((2 * (${#stack} - 1)))" "$dash" "$key" ''
        dash=.
        ;;
    *'[')
        [ "$token" = '{' ] || { condition=intricate; return 0; } # a list in a list
        dash=-
        ;;
    esac
    stack=$stack$token want=value
    [ "$token" = '[' ] || want=key
    [ "${#stack}" -le "$MOST_DEPTH" ] || condition=intricate
}

json_scalar() {
    case $stack in
    *'{')
        outline_add "$((2 * (${#stack} - 1)))" "$dash" "$key" "$1"
        dash=.
        ;;
    *'[') outline_add "$((2 * ${#stack}))" - '' "$1" ;;
    *) condition=broken ;; # a scalar alone
    esac
    want=after
}
