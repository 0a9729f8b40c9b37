
# A JSON document as the lines that it would have in block-style YAML, a level two columns.

# shellcheck disable=SC2154 # json is outline_line's
outline_json() {
    rest=$json stack='' want=value key='' dash=.
    while [ -z "$condition" ]; do
        rest=${rest#"${rest%%[! "$TAB$CR$NL"]*}"}
        [ -n "$rest" ] || break
        token=${rest%"${rest#?}"}
        case $want$token in
        'value{' | 'value[') json_open ;;
        'value"')
            quoted "$rest" || { condition=intricate; break; }
            rest=$behind is_value_quoted=y
            json_scalar "$inner"
            ;;
        value[-0-9tfn])
            text=${rest%%[]\},"$TAB$CR$NL "]*}
            rest=${rest#"$text"} is_value_quoted=''
            [ "$text" != null ] || text=''
            json_scalar "$text"
            ;;
        'key"')
            quoted "$rest" || { condition=intricate; break; }
            key=$inner
            rest=${behind#"${behind%%[! "$TAB$CR$NL"]*}"}
            case $rest in :*) rest=${rest#:} want=value ;; *) condition=intricate ;; esac
            ;;
        after,)
            rest=${rest#?} want=value
            case $stack in *'{') want=key ;; esac
            ;;
        'after}' | 'after]')
            case $stack$token in
            *'{}' | *'[]') rest=${rest#?} stack=${stack%?} ;;
            *) condition=intricate ;;
            esac
            [ -n "$stack" ] || want=end
            ;;
        *) condition=intricate ;;
        esac
    done
    [ -n "$condition" ] || [ "$want" = end ] || condition=intricate
    [ "$condition" = intricate ] || return 0
    # YAML's flow style looks alike; what is cut off is neither
    case $json in *'}'$NL | *'}'[!\}]$NL | *'#'*) ;; *) condition=broken ;; esac
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
