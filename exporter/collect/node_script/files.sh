
# Many files by one process.

# read_all BEGIN LINE END LIMIT FILE...: runs BEGIN for each file, LINE for each line of it that is not blank (the
# variable line), and END, for which begun is empty where the file could not be read. As much is read as shows that a
# file is larger than LIMIT.
read_all() {
    for_begin=$1 for_line=$2 for_end=$3 limit=$(($4 + 4096))
    shift 4
    # head(1) puts a line with each file's name before it; files that hold such lines themselves are read one by one
    text=$($patience head -c "$limit" /dev/null "$@" | tr '\000' '?')
    headers=0
    case $text in
    *"==> "*)
        for line in $text; do
            case $line in '==> '*' <==') headers=$((headers + 1)) ;; esac
        done
        ;;
    esac
    if [ "$headers" -le $(($# + 1)) ]; then
        take_files "$@"
    else
        for file in "$@"; do
            text="==> $file <==$NL$($patience head -c "$limit" "$file" | tr '\000' '?')"
            take_files "$file"
        done
    fi
    text=''
}

take_files() {
    begun=''
    for line in $text; do
        case $line in
        '==> '*' <==')
            if is_header_of "$@"; then
                [ -z "$begun" ] || "$for_end"
                begun=''
                while [ "$header" != "==> $1 <==" ]; do
                    skip_file
                    shift
                done
                shift
                begun=y
                "$for_begin"
                continue
            fi
            ;;
        esac
        [ -z "$begun" ] || "$for_line"
    done
    [ -z "$begun" ] || "$for_end"
    begun=''
    for file in "$@"; do skip_file; done
}

skip_file() { # gone meanwhile, or it hung
    "$for_begin"
    "$for_end"
}

is_header_of() { # FILE...
    header=$line
    for file in "$@"; do [ "$line" = "==> $file <==" ] && return 0; done
    return 1
}
