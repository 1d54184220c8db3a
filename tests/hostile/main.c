/*
 * The hostile init, PID 1 of a VM in place of the guest's own: it serves the host's calls by the
 * guest's own wire code, and tells the lie that the file /lie names (lie.h). Anywhere else than in
 * a VM, it lists the lies, a line each: KIND ("layer", "protocol" or "slow"), NAME, CODE, TIMEOUT
 * and MESSAGE, separated by tabs.
 */
#include <fcntl.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/device.h"
#include "guest/lib/fault.h"
#include "guest/lib/file.h"
#include "guest/lib/line.h"
#include "tests/hostile/lie.h"

/* Numbers of libguestfs' generator/proc_nr.ml. */
enum { PROCEDURE_COMMAND = 50, PROCEDURE_UPLOAD = 66 };

#define USUAL_TIMEOUT 300 /* seconds */

static const struct {
    const char *kind;
    const struct lie *lies;
} tables[] = {{"layer", layer_lies}, {"protocol", protocol_lies}};

static const struct lie *find_lie(const char *name)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct lie *lie = tables[i].lies; lie->name != NULL; lie++)
            if (strcmp(lie->name, name) == 0)
                return lie;
    return NULL;
}

static int list(void)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct lie *lie = tables[i].lies; lie->name != NULL; lie++)
            printf("%s\t%s\t%d,%d\t%u\t%s\n", lie->slow ? "slow" : tables[i].kind, lie->name,
                   lie->code, lie->or_code != 0 ? lie->or_code : lie->code,
                   lie->timeout != 0 ? lie->timeout : USUAL_TIMEOUT, lie->message);
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}

/* Tells the lie if it is its moment. */
static int tell(struct liar *liar, enum moment moment, struct wire_call *call)
{
    if (liar->lie->moment != moment)
        return 0;
    liar->lie->play(liar, call);
    return 1;
}

void answer_hook(struct liar *liar, struct wire_call *call)
{
    static const char output[] = "honest\n";

    (void)!file_write_all(liar->output, output, strlen(output));
    (void)wire_reply_string(liar->wire, call,
                            "exited 0 oom=0 full=0 unreachable=0 line=0 output=7");
}

void play_layer(struct liar *liar, struct wire_call *call)
{
    char reply[GUEST_REPLY_MAX];

    send_layer(liar, liar->lie->parts);
    snprintf(reply, sizeof reply, "layer=%llu", (unsigned long long)liar->sent);
    (void)wire_reply_string(liar->wire, call, reply);
}

void answer_pack(struct liar *liar, struct wire_call *call)
{
    static const struct part honest[PARTS_MAX] = {{.kind = ENTRY, .path = "made"},
                                                  {.kind = ZEROS, .size = 1024}};
    char reply[GUEST_REPLY_MAX];

    send_layer(liar, honest);
    snprintf(reply, sizeof reply, "layer=%llu", (unsigned long long)liar->sent);
    (void)wire_reply_string(liar->wire, call, reply);
}

static void serve_upload(struct liar *liar, struct wire_call *call)
{
    static int told;
    const unsigned char *bytes;
    size_t length;

    if (!told && tell(liar, AT_UPLOAD, call)) {
        told = 1;
        return;
    }
    while (wire_receive_chunk(liar->wire, &bytes, &length) == WIRE_OK) {
    }
    (void)wire_reply(liar->wire, call);
}

static void serve_command(struct liar *liar, struct wire_call *call)
{
    uint32_t count = xdr_read_u32(&call->arguments);
    char *verb = count > 0 ? xdr_read_string(&call->arguments, GUEST_NAME_MAX) : NULL;

    if (verb == NULL) {
        (void)wire_reply_error(liar->wire, call, 0, "no verb");
    } else if (strcmp(verb, "start") == 0) {
        if (!tell(liar, AT_START, call))
            (void)wire_reply_string(liar->wire, call, "");
    } else if (strcmp(verb, "hook") == 0) {
        if (!tell(liar, AT_HOOK, call))
            answer_hook(liar, call);
    } else if (strcmp(verb, "pack") == 0) {
        if (!tell(liar, AT_PACK, call))
            answer_pack(liar, call);
    } else {
        (void)wire_reply_string(liar->wire, call, "");
    }
    free(verb);
}

static void serve(struct liar *liar)
{
    struct wire_call call;

    while (wire_receive(liar->wire, &call) == WIRE_OK)
        if (call.procedure == PROCEDURE_UPLOAD)
            serve_upload(liar, &call);
        else if (call.procedure == PROCEDURE_COMMAND)
            serve_command(liar, &call);
        else
            (void)wire_reply(liar->wire, &call);
}

static int set_up(struct liar *liar, struct fault *fault)
{
    char name[GUEST_NAME_MAX + 1] = "";

    if (mount("dev", "/dev", "devtmpfs", 0, NULL) || mount("proc", "/proc", "proc", 0, NULL) ||
        mount("sys", "/sys", "sysfs", 0, NULL) || mkdir("/run", 0755) ||
        file_read("/lie", name, sizeof name - 1) < 0)
        return fault_set(fault, 0, "set up the hostile init");
    signal(SIGPIPE, SIG_IGN);
    if (line_is_there() && line_start(fault))
        return -1;
    liar->lie = find_lie(name);
    if (liar->lie == NULL)
        return fault_set(fault, 0, "find the lie '%s'", name);
    liar->channel = device_open_port(GUEST_CHANNEL, fault);
    liar->output = device_open_port(GUEST_OUTPUT_PORT, fault);
    liar->layer = device_open_port(GUEST_LAYER_PORT, fault);
    liar->gate = device_open_port(GUEST_GATE, fault);
    if (liar->channel < 0 || liar->output < 0 || liar->layer < 0 || liar->gate < 0)
        return -1;
    liar->wire = wire_new(liar->channel);
    return liar->wire != NULL ? 0 : fault_set(fault, 0, "open the channel");
}

static void pass_gate(struct liar *liar)
{
    char key[GUEST_GATE_SIZE];

    if (!tell(liar, AT_THE_GATE, NULL))
        (void)!file_write_all(liar->gate, GUEST_GATE_HERE, strlen(GUEST_GATE_HERE));
    for (size_t length = 0; length < sizeof key;) {
        ssize_t got = read(liar->gate, key + length, sizeof key - length);

        if (got <= 0)
            return;
        length += (size_t)got;
    }
}

int main(void)
{
    static struct liar liar;
    static struct fault fault;

    if (getpid() != 1)
        return list();
    if (set_up(&liar, &fault) != 0) {
        fault_complain("%s", fault.text);
        reboot(LINUX_REBOOT_CMD_RESTART);
    }
    (void)tell(&liar, BEFORE_THE_GATE, NULL);
    pass_gate(&liar);
    if (!tell(&liar, AT_LAUNCH, NULL))
        (void)wire_launch(liar.wire);
    serve(&liar);
    reboot(LINUX_REBOOT_CMD_RESTART);
    return 1;
}
