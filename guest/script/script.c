#include "guest/script/script.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "guest/disk/scratch.h"
#include "guest/lib/file.h"
#include "guest/script/session_input.h"
#include "guest/script/turns.h"
#include "guest/script/unreachable.h"

#define GRACE_MS 1000      /* from SIGTERM to SIGKILL */
#define DISK_PERIOD_MS 100 /* the kernel sends no event when a disk fills up */

enum phase { RUNNING, TERMINATING, KILLED };

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns how many processes the kernel has killed for want of memory since it started. */
static uint64_t count_oom_kills(void)
{
    char text[16 << 10];
    long length = file_read("/proc/vmstat", text, sizeof text - 1);

    if (length <= 0)
        return 0;
    text[length] = '\0';
    const char *line = strstr(text, "\noom_kill ");

    return line != NULL ? strtoull(line + strlen("\noom_kill "), NULL, 10) : 0;
}

/* Moves to the next phase if its time has come. Returns the milliseconds until then. */
static int64_t keep_time(const struct sandbox *sandbox, enum phase *phase, int64_t *deadline)
{
    int64_t left = *deadline - milliseconds();

    if (left > 0 || *phase == KILLED)
        return left;
    if (*phase == RUNNING) {
        sandbox_terminate(sandbox);
        *phase = TERMINATING;
        *deadline += GRACE_MS;
        return keep_time(sandbox, phase, deadline);
    }
    sandbox_kill(sandbox);
    *phase = KILLED;
    return 0;
}

/* What is watched while a script runs. */
enum watched { SANDBOX_CHANNEL, PORT, OUTPUT, ERROR, INPUT, TURN, WATCHED_COUNT };

/* A script that runs. */
struct run {
    struct sandbox sandbox;
    struct output *output;
    unsigned output_kind, error_kind; /* of frames (output.h) */
    bool output_open, error_open;
    struct turns turns; /* of streams that are separate */
    bool is_separate;
    bool has_rest; /* there were bytes in them without a turn when nothing happened last */
    struct session_input input; /* of a session */
    bool is_session;
    enum phase phase;
    int64_t deadline;
    int64_t next_look; /* at the disk */
};

/* What to wait for at FD, from which a stream is read unless FD is below 0: one that is separate is
 * read in turn, and until then only its end counts. */
static struct pollfd watch_stream(const struct run *run, int fd, bool is_open)
{
    bool waits = run->is_separate && fd != run->turns.current;

    return (struct pollfd){.fd = is_open && !output_pending(run->output) ? fd : -1,
                           .events = waits ? 0 : POLLIN};
}

/* Fills POLL_FDS with what there is to wait for now. */
static void watch(const struct run *run, struct pollfd *poll_fds)
{
    const struct sandbox *sandbox = &run->sandbox;
    bool pending = output_pending(run->output);
    bool reads = run->is_session && session_input_wants_port(&run->input);
    bool passes = run->is_session && session_input_wants_target(&run->input);
    short port = (short)((pending ? POLLOUT : 0) | (reads ? POLLIN : 0));

    poll_fds[SANDBOX_CHANNEL] = (struct pollfd){.fd = sandbox->channel, .events = POLLIN};
    poll_fds[PORT] = (struct pollfd){.fd = port ? run->output->port : -1, .events = port};
    poll_fds[OUTPUT] = watch_stream(run, sandbox->output, run->output_open);
    poll_fds[ERROR] = watch_stream(run, sandbox->error, run->error_open);
    poll_fds[TURN] = (struct pollfd){.fd = pending ? -1 : run->turns.signals, .events = POLLIN};
    poll_fds[INPUT] = (struct pollfd){.fd = passes ? run->input.target : -1, .events = POLLOUT};
}

/* Reads one of the streams, both of which can be at once. */
static void read_output(struct run *run)
{
    run->output_open = output_read(run->output, run->sandbox.output, run->output_kind) != 0;
}

static void read_error(struct run *run)
{
    if (!output_pending(run->output))
        run->error_open = output_read(run->output, run->sandbox.error, run->error_kind) != 0;
}

/* Reads streams that are separate, in the order in which they were written. Returns whether there
 * was anything. */
static bool take_turns(struct run *run)
{
    bool any = false;
    int fd;

    if (output_pending(run->output))
        return false;
    while (output_has_room(run->output) && (fd = turns_take(&run->turns)) >= 0) {
        bool is_error = fd == run->sandbox.error;
        ssize_t got = output_read(run->output, fd, is_error ? run->error_kind : run->output_kind);

        turns_note(&run->turns, got);
        any = true;
    }
    return any;
}

/* Passes on what can be. */
static void pass_on(struct run *run, const struct pollfd *poll_fds)
{
    if (poll_fds[PORT].revents & ~POLLIN)
        output_write(run->output);
    if (poll_fds[PORT].revents & POLLIN)
        session_input_read(&run->input);
    if (poll_fds[INPUT].revents)
        session_input_pass(&run->input);
    if (run->is_separate && take_turns(run))
        return;
    if (poll_fds[OUTPUT].revents)
        read_output(run);
    if (poll_fds[ERROR].revents)
        read_error(run);
}

static bool has_bytes(int fd)
{
    int count = 0;

    return fd >= 0 && ioctl(fd, FIONREAD, &count) == 0 && count > 0;
}

/* Nothing happens. Reads what has no turn, if there is such a thing. What has just been written may
 * have none yet, and is left to it: so only what was there the last time counts. */
static void pass_on_rest(struct run *run)
{
    bool had_rest = run->has_rest;

    run->has_rest = false;
    if (!run->is_separate || output_pending(run->output) || take_turns(run))
        return;
    if (had_rest && run->output_open)
        read_output(run);
    if (had_rest && run->error_open)
        read_error(run);
    run->has_rest = has_bytes(run->sandbox.output) || has_bytes(run->sandbox.error);
}

/* Passes on the streams until the sandbox reports its end. Returns whether the time limit was
 * reached. */
static bool supervise(struct run *run, struct outcome *outcome)
{
    for (;;) {
        int64_t now = milliseconds();

        if (now >= run->next_look) {
            outcome->disk_full |= scratch_is_full();
            run->next_look = now + DISK_PERIOD_MS;
        }
        int64_t left = keep_time(&run->sandbox, &run->phase, &run->deadline);
        int64_t wait = run->phase == KILLED || left > DISK_PERIOD_MS ? DISK_PERIOD_MS : left;
        struct pollfd poll_fds[WATCHED_COUNT];

        watch(run, poll_fds);
        int ready = poll(poll_fds, WATCHED_COUNT, (int)wait);

        if (ready == 0)
            pass_on_rest(run);
        if (ready <= 0)
            continue;
        run->has_rest = false;
        pass_on(run, poll_fds);
        if (poll_fds[SANDBOX_CHANNEL].revents)
            return run->phase != RUNNING;
    }
}

/* Starts PLAN. Returns 0, or -1 with FAULT. */
static int start(const struct sandbox_plan *plan, struct output *output, struct run *ret,
                 struct fault *fault)
{
    int64_t timeout = words_number(plan->words, GUEST_WORD_TIMEOUT);
    bool in_frames = plan->is_session || plan->separate;

    *ret = (struct run){.output = output,
                        .output_kind = in_frames ? GUEST_STREAM_OUTPUT : OUTPUT_PLAIN,
                        .error_kind = GUEST_STREAM_ERROR,
                        .turns = TURNS_NONE,
                        .is_separate = plan->separate,
                        .is_session = plan->is_session,
                        .deadline = milliseconds() + timeout * 1000};
    if (plan->separate && turns_start(&ret->turns))
        return fault_set(fault, errno, "watch the script's output");
    if (sandbox_start(plan, &ret->sandbox, fault)) {
        turns_end(&ret->turns);
        return -1;
    }
    ret->output_open = ret->sandbox.output >= 0;
    ret->error_open = ret->sandbox.error >= 0;
    session_input_start(&ret->input, output->port, ret->sandbox.input,
                        words_text(plan->words, GUEST_WORD_TERMINAL) != NULL);
    return 0;
}

/* Passes on what the script has written last, and closes its streams. */
static void finish(struct run *run)
{
    do {
        output_flush(run->output);
    } while (run->is_separate && take_turns(run));
    if (run->sandbox.output >= 0) {
        output_drain(run->output, run->sandbox.output, run->output_kind);
        close(run->sandbox.output);
    }
    if (run->sandbox.error >= 0) {
        output_drain(run->output, run->sandbox.error, run->error_kind);
        close(run->sandbox.error);
    }
    turns_end(&run->turns);
    session_input_end(&run->input);
}

int script_run(const struct sandbox_plan *plan, struct output *output, struct outcome *ret,
               struct fault *fault)
{
    static struct run run;
    struct outcome outcome = {0};
    uint64_t oom_kills = count_oom_kills();

    if (start(plan, output, &run, fault))
        return -1;
    struct unreachable unreachable;

    unreachable_start(&unreachable, run.sandbox.pid);
    outcome.timed_out = supervise(&run, &outcome);
    outcome.unreachable = unreachable_finish(&unreachable);
    int status = sandbox_wait(&run.sandbox, &outcome.end, fault);

    finish(&run);
    outcome.oom_kills = count_oom_kills() - oom_kills;
    outcome.disk_full |= scratch_is_full();
    if (status == 0)
        *ret = outcome;
    return status;
}
