
# The words of a line that a reader does not know are skipped there: new ones may be added within a major version.
main() {
    printf 'kubelet-cert-exporter answer %s begin\n' "$VERSION"
    tell_time
    tell_user
    # installed, it says which text of it this is
    [ -n "$SCRIPT" ] && checksum_of "$SCRIPT" && say "script $sum"
    say "path store $STORE"
    say "path client $CLIENT"
    for path in $SERVING; do say "path serving $path"; done
    tell_host
    find_process
    tell_process
    tell_service
    survey_mounts
    find_judge
    choose_store
    look_at_store
    read_client
    if [ "$condition" = missing ] && may_be_between; then
        # the kubelet unlinks and renames: look once more before calling it missing
        sleep 1
        look_at_store
        read_client
    fi
    tell_file client "$CLIENT"
    target=${link##*/} queue='' queue_at='' told_files=$CLIENT$NL
    tell_store
    for name in $newest; do
        [ "$name" = "$target" ] || queue_file dated "$STORE/$name"
    done
    for path in $SERVING; do
        look_at_file "$path"
        [ "$condition" = missing ] && continue
        enqueue serving "$path"
        break
    done
    queue_documents
    read_documents
    queue_flag_files
    queue_store_files
    read_queue
    queue_store_pairs
    tell_pairs
    tell_journal
    tell_history
    printf 'kubelet-cert-exporter answer %s end\n' "$VERSION"
}

main </dev/null 2>/dev/null
