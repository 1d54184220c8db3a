/*
 * A lie of a hostile guest: what it does in place of what the contract (guest/contract.h) asks, and
 * what the host has to make of it. The lies are rows of two tables, of lies about the layer and of
 * lies in the protocol. Each is played in a VM of its own, by an init that is honest otherwise.
 */
#ifndef VMBUILD_TESTS_LIE_H
#define VMBUILD_TESTS_LIE_H

#include <stddef.h>
#include <stdint.h>

#include "guest/call/wire.h"

/* What there is to lie with. */
struct liar {
    const struct lie *lie;
    struct wire *wire; /* NULL before its moment */
    int channel, output, layer, gate;
    uint64_t sent; /* bytes of the layer */
};

/* When a lie is told: in place of what the honest init does then. */
enum moment {
    BEFORE_THE_GATE,
    AT_THE_GATE,
    AT_LAUNCH,
    AT_UPLOAD, /* the first */
    AT_START,
    AT_HOOK,
    AT_PACK,
};

/* Parts of a layer, in frames unless they are FRAMES themselves. */
enum part_kind {
    NO_PART,    /* the end of the list */
    ENTRY,      /* a header */
    DATA,       /* SIZE bytes, padded to a block */
    ZEROS,      /* SIZE bytes */
    TEXT,       /* the text PATH, not padded */
    PAX,        /* an extended header with the records PATH or FIELD; of SIZE bytes unless 0 */
    LONG_PATH,  /* an extended header with a path of SIZE bytes */
    HOLE,       /* a frame that stands for SIZE zeros */
    FRAME,      /* the header of a frame of SIZE bytes, and nothing else */
    FRAME_TEXT, /* the text PATH without a frame */
    REPEAT,     /* all that precedes, SIZE times in all */
};

struct part {
    enum part_kind kind;
    const char *path; /* or text */
    uint64_t size;
    char type;
    const char *link;
    int64_t mode, uid, gid, major, minor; /* a mode of 0: 0644 */
    const char *field;                    /* bytes over those of the header at FIELD_AT */
    size_t field_at, field_length;
    int bad_checksum;
};

#define PARTS_MAX 8

struct lie {
    const char *name;
    enum moment moment;
    int code;            /* the exit code that is right */
    int or_code;         /* or this one, if chance decides what the host reads first; 0: no other */
    const char *message; /* an extended regular expression for a line of standard error */
    void (*play)(struct liar *liar, struct wire_call *call);
    const char *text;             /* for PLAY */
    uint64_t number;              /* for PLAY */
    struct part parts[PARTS_MAX]; /* of the layer that is sent in place of the honest one */
    unsigned int timeout;         /* of the spec, seconds; 0: much */
    int slow;                     /* the host waits for minutes */
};

extern const struct lie layer_lies[], protocol_lies[]; /* both end in a lie without a name */

/* Sends PARTS to the layer's port. */
void send_layer(struct liar *liar, const struct part *parts);

/* play: sends the parts of the lie, and replies what is true of them. */
void play_layer(struct liar *liar, struct wire_call *call);

/* The honest answers. */
void answer_hook(struct liar *liar, struct wire_call *call);
void answer_pack(struct liar *liar, struct wire_call *call);

#endif
