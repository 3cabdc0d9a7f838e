# Makes one line of JSON of each line of nginx's error log, whose form nginx does not let anyone choose:
# 2026/11/25 15:12:11 [error] 7#7: *34 message, client: ...

# By hand: versions of awk differ in what backslashes mean to gsub.
function escaped(text,    out, place, letter) {
    out = ""
    for (place = 1; place <= length(text); place++) {
        letter = substr(text, place, 1)
        out = out (letter == "\\" || letter == "\"" ? "\\" : "") letter
    }
    return out
}

{
    text = $0
    level = "error"
    timestamp = ""
    if (match(text, /^[0-9]+\/[0-9]+\/[0-9]+ [0-9:]+ \[[a-z]+\] /)) {
        head = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        timestamp = head
        sub(/ \[.*/, "", timestamp)
        gsub(/\//, "-", timestamp)
        sub(/ /, "T", timestamp)
        timestamp = timestamp "Z"
        level = head
        sub(/^[^[]*\[/, "", level)
        sub(/\].*/, "", level)
        sub(/^[0-9]+#[0-9]+: /, "", text)
    }
    gsub(/[[:cntrl:]]/, " ", text)
    printf "{\"timestamp\":\"%s\",\"logger\":\"nginx\",\"level\":\"%s\",\"event\":\"%s\"}\n", timestamp, level, escaped(text)
    fflush()
}
