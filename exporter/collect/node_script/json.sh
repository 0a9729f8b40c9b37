
# A JSON document as the lines that it would have in block-style YAML, a level two columns. It is gone through line by
# line: to take a token off a text takes a shell as long as the text.

# What is no JSON may be YAML in flow style, which looks alike: intricate. What is cut off is neither.
# shellcheck disable=SC2154 # json is outline_line's
outline_json() {
    stack='' want=value key='' dash=. no_json=''
    for rest in $json; do
        while [ -z "$condition$no_json" ]; do
            case $rest in [" $TAB$CR"]*) rest=${rest#"${rest%%[! "$TAB$CR"]*}"} ;; esac
            [ -n "$rest" ] || break
            json_token
        done
    done
    [ -n "$condition" ] || [ "$want" = end ] || no_json=y
    [ -n "$no_json" ] || return 0
    outline='' embedded='' named='' condition=broken
    IFS=" $TAB$CR$NL"
    for word in $json; do :; done # to the last one
    IFS=$NL
    case $word in *'}') condition=intricate ;; esac
    case $json in *'#'*) condition=intricate ;; esac
}

json_token() {
    case $want$rest in
    'value{'* | 'value['*)
        case $rest in '{'*) bracket='{' ;; *) bracket='[' ;; esac
        rest=${rest#?} want=opened
        ;;
    'opened}'* | 'opened]'*)
        case $bracket$rest in '{}'* | '[]'*) ;; *) no_json=y ;; esac
        rest=${rest#?}
        if [ -n "$stack" ]; then json_scalar ''; else want=end; fi
        ;;
    opened*) json_open ;;
    'value"'*)
        quoted "$rest" || { no_json=y; return 0; }
        rest=$behind is_value_quoted=y
        json_scalar "$inner"
        ;;
    value[-0-9tfn]*)
        text=${rest%%[]\},"$TAB$CR "]*}
        case $text in true | false | null | [-0-9]*) ;; *) no_json=y ;; esac
        rest=${rest#"$text"} is_value_quoted=''
        [ "$text" != null ] || text=''
        json_scalar "$text"
        ;;
    'key"'*)
        quoted "$rest" || { no_json=y; return 0; }
        key=$inner rest=$behind want=colon
        ;;
    colon:*) rest=${rest#?} want=value ;;
    after,*)
        rest=${rest#?} want=value
        case $stack in *'{') want=key ;; esac
        ;;
    'after}'*) json_close '{' ;;
    'after]'*) json_close '[' ;;
    *) no_json=y ;;
    esac
}

# What stands in a bracket is seen.
json_open() {
    case $stack in
    *'{')
        outline_add "$((2 * (${#stack} - 1)))" "$dash" "$key" ''
        dash=.
        ;;
    *'[')
        [ "$bracket" = '{' ] || { condition=intricate; return 0; } # a list in a list
        dash=-
        ;;
    esac
    stack=$stack$bracket want=value
    [ "$bracket" = '[' ] || want=key
    [ "${#stack}" -le "$MOST_DEPTH" ] || condition=intricate
}

json_close() {
    case $stack in *"$1") ;; *) no_json=y; return 0 ;; esac
    rest=${rest#?} stack=${stack%?}
    [ -n "$stack" ] || want=end
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
