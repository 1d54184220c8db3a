#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/fault.h"
#include "guest/lib/file.h"
#include "tests/hostile/lie.h"

#define PROGRESS_FLAG 0xffff5555u /* of libguestfs' protocol */
#define PROGRESS_SIZE 24u

/* At a reset, QEMU ends. The machine has no way to power off, and would only halt. */
#define END_VM LINUX_REBOOT_CMD_RESTART

#define DIRECTION_REPLY 1u
#define STATUS_OK 0u
#define STATUS_ERROR 1u

/* Words of a reply's header (wire.h), in their order. */
enum { PROGRAM, VERSION, PROCEDURE, DIRECTION, SERIAL, STATUS = 9, WORDS };

static void put_words(int fd, const uint32_t *words, size_t count)
{
    unsigned char bytes[4 * (WORDS + 4)];

    for (size_t i = 0; i < count; i++)
        xdr_store_u32(bytes + 4 * i, words[i]);
    (void)!file_write_all(fd, bytes, 4 * count);
}

static void put_word(const struct liar *liar, uint32_t word)
{
    put_words(liar->channel, &word, 1);
}

static void make_header(const struct wire_call *call, uint32_t *words)
{
    memset(words, 0, WORDS * sizeof *words);
    words[PROGRAM] = WIRE_PROGRAM;
    words[VERSION] = WIRE_VERSION;
    words[PROCEDURE] = call->procedure;
    words[DIRECTION] = DIRECTION_REPLY;
    words[SERIAL] = call->serial;
    words[STATUS] = STATUS_OK;
}

/* Begins a reply of STATUS_WORD whose payload has LENGTH bytes. */
static void put_header(const struct liar *liar, const struct wire_call *call, uint32_t status_word,
                       uint32_t length)
{
    uint32_t words[WORDS];

    make_header(call, words);
    words[STATUS] = status_word;
    put_word(liar, WIRE_HEADER_SIZE + length);
    put_words(liar->channel, words, WORDS);
}

/* Writes LENGTH bytes of the value FILL to FD. Returns 0, or -1 with errno. */
static int put_many(int fd, char fill, uint64_t length)
{
    static char piece[32u << 10];

    memset(piece, fill, sizeof piece);
    while (length > 0) {
        size_t part = length < sizeof piece ? (size_t)length : sizeof piece;

        if (file_write_all(fd, piece, part))
            return -1;
        length -= part;
    }
    return 0;
}

/* --- The machine -----------------------------------------------------------------------------*/

static void play_reboot(struct liar *liar, struct wire_call *call)
{
    (void)call;
    reboot((int)liar->lie->number);
}

static void play_panic(struct liar *liar, struct wire_call *call)
{
    (void)liar, (void)call;
    exit(1); /* of PID 1 */
}

static void play_silence(struct liar *liar, struct wire_call *call)
{
    (void)liar, (void)call;
    for (;;)
        pause();
}

static void play_endless_loop(struct liar *liar, struct wire_call *call)
{
    static volatile int never;

    (void)liar, (void)call;
    while (never == 0) {
    }
}

/* Writes the text to the console, and ends. */
static void play_console(struct liar *liar, struct wire_call *call)
{
    (void)call;
    (void)!file_write_all(STDERR_FILENO, liar->lie->text, strlen(liar->lie->text));
    tcdrain(STDERR_FILENO);
    reboot((int)END_VM);
}

static void play_console_flood(struct liar *liar, struct wire_call *call)
{
    (void)call;
    put_many(STDERR_FILENO, 'x', liar->lie->number);
    reboot((int)END_VM);
}

static void play_gate_flood(struct liar *liar, struct wire_call *call)
{
    char piece[4096] = "";

    (void)call;
    fcntl(liar->gate, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 10000 && write(liar->gate, piece, sizeof piece) > 0; i++) {
    }
    fcntl(liar->gate, F_SETFL, 0);
}

/* --- Messages --------------------------------------------------------------------------------*/

/* A word in place of, or before, what would come. */
static void play_word(struct liar *liar, struct wire_call *call)
{
    (void)call;
    put_word(liar, (uint32_t)liar->lie->number);
}

static void play_word_and_answer(struct liar *liar, struct wire_call *call)
{
    put_word(liar, (uint32_t)liar->lie->number);
    answer_hook(liar, call);
}

static void play_launch_twice(struct liar *liar, struct wire_call *call)
{
    (void)call;
    put_word(liar, WIRE_LAUNCH_FLAG);
    put_word(liar, WIRE_LAUNCH_FLAG);
}

/* A reply to a call that has not been made. */
static void play_early_reply(struct liar *liar, struct wire_call *call)
{
    const struct wire_call next = {.procedure = 66, .serial = 1};

    (void)call;
    put_word(liar, WIRE_LAUNCH_FLAG);
    put_header(liar, &next, STATUS_OK, 0);
}

/* The reply's length word is wrong by so much. */
static void play_length(struct liar *liar, struct wire_call *call)
{
    uint32_t words[WORDS];

    make_header(call, words);
    put_word(liar, WIRE_HEADER_SIZE + (uint32_t)liar->lie->number);
    put_words(liar->channel, words, WORDS);
}

/* One of the header's words, the text's length, is wrong by so much. */
static void play_header(struct liar *liar, struct wire_call *call)
{
    uint32_t words[WORDS];

    make_header(call, words);
    words[strlen(liar->lie->text)] += (uint32_t)liar->lie->number;
    put_word(liar, WIRE_HEADER_SIZE + 4);
    put_words(liar->channel, words, WORDS);
    put_word(liar, 0);
}

/* A string that claims to have so many bytes, and has four. */
static void play_string_length(struct liar *liar, struct wire_call *call)
{
    put_header(liar, call, STATUS_OK, 8);
    put_word(liar, (uint32_t)liar->lie->number);
    put_word(liar, 0x78787878);
}

/* A string of so many bytes. */
static void play_long_string(struct liar *liar, struct wire_call *call)
{
    uint32_t length = (uint32_t)liar->lie->number;

    put_header(liar, call, STATUS_OK, 4 + length);
    put_word(liar, length);
    put_many(liar->channel, 'x', length);
}

static void play_string_with_nul(struct liar *liar, struct wire_call *call)
{
    put_header(liar, call, STATUS_OK, 8);
    put_word(liar, 4);
    put_word(liar, 0x78007878);
}

/* An error without its structure. */
static void play_bare_error(struct liar *liar, struct wire_call *call)
{
    put_header(liar, call, STATUS_ERROR, 0);
}

/* An error whose text has so many bytes. */
static void play_long_error(struct liar *liar, struct wire_call *call)
{
    uint32_t length = (uint32_t)liar->lie->number;

    put_header(liar, call, STATUS_ERROR, 8 + length);
    put_word(liar, 0);
    put_word(liar, length);
    put_many(liar->channel, 'x', length);
}

static void play_error(struct liar *liar, struct wire_call *call)
{
    (void)wire_reply_error(liar->wire, call, EIO, liar->lie->text);
}

/* An errno that no system has. */
static void play_unknown_errno(struct liar *liar, struct wire_call *call)
{
    unsigned char bytes[64], *end = xdr_store_opaque(bytes, "EWHATEVER", 9);

    end = xdr_store_opaque(end, "odd", 3);
    put_header(liar, call, STATUS_ERROR, (uint32_t)(end - bytes));
    (void)!file_write_all(liar->channel, bytes, (size_t)(end - bytes));
}

static void play_two_replies(struct liar *liar, struct wire_call *call)
{
    (void)wire_reply_string(liar->wire, call, "");
    (void)wire_reply_string(liar->wire, call, "");
}

static void put_progress(const struct liar *liar, uint32_t serial)
{
    const uint32_t words[1 + PROGRESS_SIZE / 4] = {PROGRESS_FLAG, 0, serial, UINT32_MAX,
                                                   UINT32_MAX,    0, 0};

    put_words(liar->channel, words, sizeof words / sizeof *words);
}

/* So many reports of progress beyond all bounds, then the truth. */
static void play_progress(struct liar *liar, struct wire_call *call)
{
    for (uint64_t i = 0; i < liar->lie->number; i++)
        put_progress(liar, call->serial);
    answer_hook(liar, call);
}

/* A reply whose bytes come one by one. */
static void play_drip(struct liar *liar, struct wire_call *call)
{
    put_header(liar, call, STATUS_OK, 1000);
    put_word(liar, 996);
    for (;;) {
        put_many(liar->channel, 0, 1);
        sleep(1);
    }
}

/* Half of a reply, then nothing, or the end of the VM. */
static void play_half_a_reply(struct liar *liar, struct wire_call *call)
{
    put_header(liar, call, STATUS_OK, 100);
    put_word(liar, 96);
    if (liar->lie->number != 0)
        reboot((int)END_VM);
    play_silence(liar, call);
}

/* --- Files to the guest ----------------------------------------------------------------------*/

/* Reads the file to its end. */
static void take_file(const struct liar *liar)
{
    const unsigned char *bytes;
    size_t length;

    while (wire_receive_chunk(liar->wire, &bytes, &length) == WIRE_OK) {
    }
}

/*
 * Answers before the file has come: right in the end if the host has sent it all when it reads the
 * answer, else something that has no place there.
 */
static void play_early_answer(struct liar *liar, struct wire_call *call)
{
    (void)wire_reply(liar->wire, call);
    take_file(liar);
}

/* Refuses the file, and reports success. */
static void play_refuse_and_thank(struct liar *liar, struct wire_call *call)
{
    (void)wire_refuse_file(liar->wire);
    (void)wire_reply(liar->wire, call);
}

static void play_refuse(struct liar *liar, struct wire_call *call)
{
    (void)wire_refuse_file(liar->wire);
    (void)wire_reply_error(liar->wire, call, EPERM, liar->lie->text);
}

/* Takes the file and does nothing more. */
static void play_take_and_sleep(struct liar *liar, struct wire_call *call)
{
    take_file(liar);
    play_silence(liar, call);
}

/* --- What a script has done ------------------------------------------------------------------*/

/* Replies the text. */
static void play_reply(struct liar *liar, struct wire_call *call)
{
    (void)wire_reply_string(liar->wire, call, liar->lie->text);
}

/* The text as output, so many times, which is then reported. */
static void play_output(struct liar *liar, struct wire_call *call)
{
    char reply[GUEST_REPLY_MAX];
    uint64_t written = 0;

    for (uint64_t i = 0; i < liar->lie->number; i++) {
        if (file_write_all(liar->output, liar->lie->text, strlen(liar->lie->text)))
            break;
        written += strlen(liar->lie->text);
    }
    snprintf(reply, sizeof reply, "exited 0 oom=0 full=0 unreachable=0 line=0 output=%llu",
             (unsigned long long)written);
    (void)wire_reply_string(liar->wire, call, reply);
}

/* More output than is reported. */
static void play_more_output(struct liar *liar, struct wire_call *call)
{
    put_many(liar->output, '\n', liar->lie->number);
    (void)wire_reply_string(liar->wire, call,
                            "exited 0 oom=0 full=0 unreachable=0 line=0 output=1");
}

static void play_late_output(struct liar *liar, struct wire_call *call)
{
    (void)wire_reply_string(liar->wire, call,
                            "exited 0 oom=0 full=0 unreachable=0 line=0 output=5");
    (void)!file_write_all(liar->output, "late\n", 5);
}

static void play_endless_output(struct liar *liar, struct wire_call *call)
{
    (void)call;
    while (put_many(liar->output, 'y', 1u << 20) == 0) {
    }
}

/* --- The layer's reply -----------------------------------------------------------------------*/

/* A whole layer, then the text. */
static void play_layer_reply(struct liar *liar, struct wire_call *call)
{
    send_layer(liar, liar->lie->parts);
    play_reply(liar, call);
}

static void play_layer_error(struct liar *liar, struct wire_call *call)
{
    send_layer(liar, liar->lie->parts);
    play_error(liar, call);
}

static void play_layer_and_end(struct liar *liar, struct wire_call *call)
{
    send_layer(liar, liar->lie->parts);
    if (liar->lie->number != 0)
        reboot((int)END_VM);
    play_silence(liar, call);
}

static void play_layer_early(struct liar *liar, struct wire_call *call)
{
    send_layer(liar, liar->lie->parts);
    answer_hook(liar, call);
}

#define LIE(NAME, MOMENT, CODE, MESSAGE, PLAY, ...)                                                \
    {                                                                                              \
        .name = NAME, .moment = MOMENT, .code = CODE, .message = MESSAGE, .play = PLAY,            \
        __VA_ARGS__                                                                                \
    }
#define LAYER .parts = {{ENTRY, "made"}, {ZEROS, .size = 1024}}
#define INVALID "the guest's reply is not valid"
#define BROKEN "the guest broke the protocol"
#define BROKEN_OUTPUT BROKEN ": its output is not valid"

const struct lie protocol_lies[] = {
    /* The machine. */
    LIE("end-before-the-gate", BEFORE_THE_GATE, 4, "start the VM", play_reboot, .number = END_VM),
    LIE("end-at-the-gate", AT_THE_GATE, 4, "start the VM", play_reboot, .number = END_VM),
    LIE("panic-before-the-gate", BEFORE_THE_GATE, 4, "Kernel panic", play_panic),
    LIE("end-at-launch", AT_LAUNCH, 4, "start the VM", play_reboot, .number = END_VM),
    LIE("end-in-a-call", AT_HOOK, 4, "the VM ended", play_reboot, .number = END_VM),
    LIE("halt-in-a-call", AT_HOOK, 8, "longer than its limit", play_reboot,
        .number = LINUX_REBOOT_CMD_HALT, .timeout = 2),
    LIE("panic-in-a-call", AT_HOOK, 4, "Kernel panic", play_panic),
    LIE("silence-in-a-call", AT_HOOK, 8, "longer than its limit", play_silence, .timeout = 2),
    LIE("endless-loop-in-a-call", AT_HOOK, 8, "longer than its limit", play_endless_loop,
        .timeout = 2),
    LIE("silence-at-launch", AT_LAUNCH, 4, "did not report", play_silence, .slow = 1),
    LIE("silence-at-start", AT_START, 8, "did not answer for 120", play_silence, .slow = 1),
    LIE("silence-at-upload", AT_UPLOAD, 8, "did not answer for 120", play_take_and_sleep,
        .slow = 1),
    LIE("silence-after-the-layer", AT_PACK, 8, "did not answer for 300", play_layer_and_end, LAYER,
        .slow = 1),
    LIE("console-flood", BEFORE_THE_GATE, 4, "start the VM", play_console_flood,
        .number = 1u << 20),
    LIE("console-escapes", BEFORE_THE_GATE, 4, "red", play_console,
        .text = "\n\033[31mred\033]0;title\007\x9b[2J\rover\n"),
    LIE("console-lack-of-memory", AT_HOOK, 7, "ran out of memory", play_console,
        .text = "\nSystem is deadlocked on memory\n"),
    LIE("console-of-the-host", AT_HOOK, 4, "the VM ended", play_console,
        .text = "\nvmbuild: error: send your password to \033[1m\n"),
    LIE("gate-flood", AT_THE_GATE, 0, "", play_gate_flood),

    /* Messages. */
    LIE("launch-with-another-word", AT_LAUNCH, 4, "start the VM", play_word,
        .number = WIRE_LAUNCH_FLAG + 1),
    LIE("launch-with-cancel", AT_LAUNCH, 4, "start the VM", play_word, .number = WIRE_CANCEL_FLAG),
    LIE("launch-twice", AT_LAUNCH, 4, BROKEN, play_launch_twice),
    LIE("launch-with-a-reply", AT_LAUNCH, 4, BROKEN, play_early_reply),
    LIE("message-of-gigabytes", AT_HOOK, 4, BROKEN, play_word, .number = 0x7fffffff),
    LIE("message-of-nothing", AT_HOOK, 4, "", play_word, .number = 0),
    LIE("message-cut", AT_HOOK, 4, BROKEN, play_length, .number = (uint64_t)-4),
    LIE("message-too-long", AT_HOOK, 8, "longer than its limit", play_length, .number = 4,
        .timeout = 2),
    LIE("reply-of-another-program", AT_HOOK, 4, BROKEN, play_header, .text = "", .number = 1),
    LIE("reply-of-another-version", AT_HOOK, 4, BROKEN, play_header, .text = "1", .number = 1),
    LIE("reply-to-another-procedure", AT_HOOK, 4, BROKEN, play_header, .text = "12", .number = 1),
    LIE("reply-that-is-a-call", AT_HOOK, 4, BROKEN, play_header, .text = "123",
        .number = (uint64_t)-1),
    LIE("reply-to-another-call", AT_HOOK, 4, BROKEN, play_header, .text = "1234", .number = 1),
    LIE("reply-of-unknown-status", AT_HOOK, 4, INVALID, play_header, .text = "123456789",
        .number = 7),
    LIE("reply-twice", AT_START, 4, BROKEN, play_two_replies),
    LIE("reply-without-string", AT_HOOK, 4, BROKEN, play_length, .number = 0),
    LIE("string-longer-than-its-message", AT_HOOK, 4, BROKEN, play_string_length, .number = 100),
    LIE("string-of-4-gigabytes", AT_HOOK, 4, BROKEN, play_string_length, .number = UINT32_MAX),
    LIE("string-with-nul", AT_HOOK, 4, INVALID, play_string_with_nul),
    LIE("string-of-megabytes", AT_HOOK, 4, INVALID, play_long_string, .number = (4u << 20) - 64),
    LIE("error-without-text", AT_HOOK, 4, BROKEN, play_bare_error),
    LIE("error-of-megabytes", AT_HOOK, 4, BROKEN, play_long_error, .number = 4000000),
    LIE("error-of-64-kibibytes", AT_HOOK, 1, "xxxxx", play_long_error, .number = 64u << 10),
    LIE("error-with-escapes", AT_HOOK, 1, "red", play_error,
        .text = "\033[31mred\033]0;title\007\nvmbuild: second line"),
    LIE("error-of-unknown-errno", AT_HOOK, 1, "odd", play_unknown_errno),
    LIE("error-of-a-full-disk", AT_HOOK, 6, "diskSize", play_error,
        .text = "hook: no" GUEST_DISK_FULL_SUFFIX),
    LIE("error-of-a-base-layer", AT_PACK, 3, "base layer", play_error,
        .text = GUEST_BAD_LAYER_PREFIX "0: bad"),
    LIE("cancel-without-a-file", AT_HOOK, 0, "", play_word_and_answer, .number = WIRE_CANCEL_FLAG),
    LIE("launch-in-a-call", AT_HOOK, 4, BROKEN, play_word_and_answer, .number = WIRE_LAUNCH_FLAG),
    LIE("progress-beyond-bounds", AT_HOOK, 0, "", play_progress, .number = 10),
    LIE("progress-without-end", AT_HOOK, 8, "longer than its limit", play_progress,
        .number = UINT64_MAX, .timeout = 2),
    LIE("drip", AT_HOOK, 8, "longer than its limit", play_drip, .timeout = 2),
    LIE("half-a-reply", AT_HOOK, 8, "longer than its limit", play_half_a_reply, .timeout = 2),
    LIE("half-a-reply-and-the-end", AT_HOOK, 4, "the VM ended", play_half_a_reply, .number = 1),

    /* Files to the guest. */
    /* What it does with them is its own affair. */
    LIE("file-answered-early", AT_UPLOAD, 0, "", play_early_answer, .or_code = 4),
    LIE("file-refused-with-thanks", AT_UPLOAD, 0, "", play_refuse_and_thank),
    LIE("file-refused", AT_UPLOAD, 1, "not today", play_refuse, .text = "not today"),
    LIE("file-that-ends-the-vm", AT_UPLOAD, 4, "the VM ended", play_reboot, .number = END_VM),

    /* What a script has done. */
    LIE("outcome-empty", AT_HOOK, 4, INVALID, play_reply, .text = ""),
    LIE("outcome-cut", AT_HOOK, 4, INVALID, play_reply, .text = "exited 0"),
    LIE("outcome-of-status-256", AT_HOOK, 4, INVALID, play_reply,
        .text = "exited 256 oom=0 full=0 unreachable=0 line=0 output=0"),
    LIE("outcome-of-status-minus-1", AT_HOOK, 4, INVALID, play_reply,
        .text = "exited -1 oom=0 full=0 unreachable=0 line=0 output=0"),
    LIE("outcome-of-status-00", AT_HOOK, 4, INVALID, play_reply,
        .text = "exited 00 oom=0 full=0 unreachable=0 line=0 output=0"),
    LIE("outcome-of-signal-0", AT_HOOK, 4, INVALID, play_reply,
        .text = "killed 0 oom=0 full=0 unreachable=0 line=0 output=0"),
    LIE("outcome-of-signal-65", AT_HOOK, 4, INVALID, play_reply,
        .text = "killed 65 oom=0 full=0 unreachable=0 line=0 output=0"),
    LIE("outcome-of-another-kind", AT_HOOK, 4, INVALID, play_reply,
        .text = "finished 0 oom=0 full=0 unreachable=0 line=0 output=0"),
    LIE("outcome-half-full", AT_HOOK, 4, INVALID, play_reply,
        .text = "exited 0 oom=0 full=2 unreachable=0 line=0 output=0"),
    LIE("outcome-beyond-64-bits", AT_HOOK, 4, INVALID, play_reply,
        .text = "exited 0 oom=18446744073709551616 full=0 unreachable=0 line=0 output=0"),
    LIE("outcome-with-more", AT_HOOK, 4, INVALID, play_reply,
        .text = "exited 0 oom=0 full=0 unreachable=0 line=0 output=0 more=1"),
    LIE("outcome-with-escapes", AT_HOOK, 4, INVALID, play_reply,
        .text = "exited 0\033[31m oom=0 full=0 unreachable=0 line=0 output=0"),
    LIE("output-that-never-comes", AT_HOOK, 4, "only 0 of 100 bytes arrived", play_reply,
        .text = "exited 0 oom=0 full=0 unreachable=0 line=0 output=100"),
    LIE("output-of-exbibytes", AT_HOOK, 4, "only 0 of 18446744073709551615 bytes", play_reply,
        .text = "exited 0 oom=0 full=0 unreachable=0 line=0 output=18446744073709551615"),
    LIE("output-with-escapes", AT_HOOK, 0, "\\^\\[\\[31mred", play_output,
        .text = "\033[31mred\033]0;title\007\x9b[2J\rover\n", .number = 1),
    LIE("output-without-lines", AT_HOOK, 0, "", play_output, .text = "0123456789abcdef",
        .number = 1u << 20),
    LIE("output-beyond-the-limit", AT_HOOK, 0, "left out", play_output, .text = "many\n",
        .number = 20u << 20),
    LIE("output-more-than-reported", AT_HOOK, 0, "", play_more_output, .number = 1u << 20),
    LIE("output-after-the-reply", AT_HOOK, 0, "late", play_late_output),
    LIE("streams-of-a-guest-that-tells-none-apart", AT_HOOK, 4, BROKEN_OUTPUT, play_output,
        .text = "many\n", .number = 1),
    LIE("streams-of-another-kind", AT_HOOK, 4, BROKEN_OUTPUT, play_output, .text = "\1\1\1\7many",
        .number = 1000),
    LIE("streams-cut", AT_HOOK, 0, "\"stderr\",\"line\":\"cut\"", play_output,
        .text = "\377\377\377\6cut", .number = 1),
    LIE("output-without-end", AT_HOOK, 8, "longer than its limit", play_endless_output,
        .timeout = 2),

    /* The layer's reply. */
    LIE("layer-reply-empty", AT_PACK, 4, INVALID, play_layer_reply, LAYER, .text = ""),
    LIE("layer-reply-negative", AT_PACK, 4, INVALID, play_layer_reply, LAYER, .text = "layer=-1"),
    LIE("layer-reply-of-letters", AT_PACK, 4, INVALID, play_layer_reply, LAYER, .text = "layer=x"),
    LIE("layer-reply-with-more", AT_PACK, 4, INVALID, play_layer_reply, LAYER,
        .text = "layer=1552 more"),
    LIE("layer-reply-of-too-much", AT_PACK, 4, "only [0-9]+ of 1000000 bytes", play_layer_reply,
        LAYER, .text = "layer=1000000"),
    LIE("layer-reply-of-exbibytes", AT_PACK, 4, "only [0-9]+ of 18446744073709551615 bytes",
        play_layer_reply, LAYER, .text = "layer=18446744073709551615"),
    LIE("layer-and-an-error", AT_PACK, 1, "too late", play_layer_error, LAYER, .text = "too late"),
    LIE("layer-and-the-end", AT_PACK, 4, "the VM ended", play_layer_and_end, LAYER, .number = 1),
    LIE("layer-before-its-call", AT_HOOK, 4, "", play_layer_early, LAYER),
    {0},
};
