#include "host/lib/glob.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/utf8.h"

#define NOT_A_CHARACTER 0xfffd /* a byte that is not part of one counts as this, as in Go */

static void add(struct glob *glob, struct glob_step step)
{
    if (glob->count == glob->capacity) {
        glob->capacity = glob->capacity > 0 ? 2 * glob->capacity : 16;
        glob->steps = xreallocarray(glob->steps, glob->capacity, sizeof *glob->steps);
    }
    glob->steps[glob->count++] = step;
}

void glob_add_character(struct glob *glob, uint32_t character)
{
    add(glob, (struct glob_step){0});
    glob_extend(glob, character, character);
}

void glob_add_any(struct glob *glob, bool is_many, uint32_t except)
{
    add(glob, (struct glob_step){.is_many = is_many, .is_inverted = true});
    if (except != 0)
        glob_extend(glob, except, except);
}

void glob_add_set(struct glob *glob, bool is_inverted)
{
    add(glob, (struct glob_step){.is_inverted = is_inverted});
}

void glob_extend(struct glob *glob, uint32_t first, uint32_t last)
{
    struct glob_step *step = &glob->steps[glob->count - 1];

    step->ranges = xreallocarray(step->ranges, step->range_count + 1, sizeof *step->ranges);
    step->ranges[step->range_count++] = (struct glob_range){first, last};
}

/* A step of its own, which is passed without a character, once: one that may be repeated would let
 * the others be left out also after it was. */
void glob_add_optional(struct glob *glob, size_t count)
{
    add(glob, (struct glob_step){.skips = count});
}

void glob_reverse(struct glob *glob)
{
    for (size_t i = 0; i < glob->count / 2; i++) {
        struct glob_step step = glob->steps[i];

        glob->steps[i] = glob->steps[glob->count - 1 - i];
        glob->steps[glob->count - 1 - i] = step;
    }
}

struct glob_text glob_text_make(const char *text)
{
    size_t bytes = strlen(text), length = 0;
    struct glob_text made = {
        .characters = xcalloc(bytes + 1, sizeof *made.characters),
        .offsets = xcalloc(bytes + 1, sizeof *made.offsets),
    };

    for (size_t at = 0; at < bytes; at += length) {
        length = utf8_length((const unsigned char *)text + at, bytes - at);
        made.offsets[made.count] = at;
        made.characters[made.count++] =
            length > 0 ? character_at(text + at, &length) : NOT_A_CHARACTER;
        length = length > 0 ? length : 1;
    }
    made.offsets[made.count] = bytes;
    return made;
}

void glob_text_free(struct glob_text *text)
{
    free(text->characters);
    free(text->offsets);
    *text = (struct glob_text){0};
}

void glob_text_reverse(struct glob_text *text)
{
    for (size_t i = 0; i < text->count / 2; i++) {
        uint32_t character = text->characters[i];

        text->characters[i] = text->characters[text->count - 1 - i];
        text->characters[text->count - 1 - i] = character;
    }
}

static bool takes(const struct glob_step *step, uint32_t character)
{
    for (size_t i = 0; i < step->range_count; i++)
        if (character >= step->ranges[i].first && character <= step->ranges[i].last)
            return !step->is_inverted;
    return step->is_inverted;
}

/* Adds to the STATES, of which state I means that the steps before I have matched, those that are
 * reached without a character. */
static void pass_empty(const struct glob *glob, bool *states)
{
    for (size_t i = 0; i < glob->count; i++) {
        if (!states[i])
            continue;
        if (glob->steps[i].is_many || glob->steps[i].skips > 0)
            states[i + 1] = true;
        if (glob->steps[i].skips > 0)
            states[i + 1 + glob->steps[i].skips] = true;
    }
}

/* Sets NEXT to the states behind CHARACTER. Returns whether there is one. */
static bool pass(const struct glob *glob, const bool *states, uint32_t character, bool *next)
{
    bool is_any = false;

    memset(next, 0, (glob->count + 1) * sizeof *next);
    for (size_t i = 0; i < glob->count; i++)
        if (states[i] && takes(&glob->steps[i], character)) {
            next[glob->steps[i].is_many ? i : i + 1] = true;
            is_any = true;
        }
    pass_empty(glob, next);
    return is_any;
}

size_t glob_match(const struct glob *glob, const struct glob_text *text, size_t start,
                  bool is_longest)
{
    CLEANUP(freep) bool *states = xcalloc(glob->count + 1, sizeof *states);
    CLEANUP(freep) bool *next = xcalloc(glob->count + 1, sizeof *next);
    size_t found = GLOB_NONE;

    states[0] = true;
    pass_empty(glob, states);
    for (size_t at = start;; at++) {
        if (states[glob->count]) {
            found = at;
            if (!is_longest)
                return found;
        }
        if (at == text->count || !pass(glob, states, text->characters[at], next))
            return found;
        bool *old = states;

        states = next;
        next = old;
    }
}

bool *glob_ends(const struct glob *glob, const struct glob_text *text)
{
    CLEANUP(freep) bool *states = xcalloc(glob->count + 1, sizeof *states);
    CLEANUP(freep) bool *next = xcalloc(glob->count + 1, sizeof *next);
    bool *ends = xcalloc(text->count + 1, sizeof *ends);

    for (size_t at = 0;; at++) {
        states[0] = true;
        pass_empty(glob, states);
        ends[at] = states[glob->count];
        if (at == text->count)
            return ends;
        pass(glob, states, text->characters[at], next);
        bool *old = states;

        states = next;
        next = old;
    }
}

bool glob_matches(const struct glob *glob, const struct glob_text *text, uint32_t boundary)
{
    CLEANUP(freep) bool *states = xcalloc(glob->count + 1, sizeof *states);
    CLEANUP(freep) bool *next = xcalloc(glob->count + 1, sizeof *next);

    states[0] = true;
    pass_empty(glob, states);
    for (size_t at = 0; at < text->count; at++) {
        if (states[glob->count] && text->characters[at] == boundary)
            return true;
        if (!pass(glob, states, text->characters[at], next))
            return false;
        bool *old = states;

        states = next;
        next = old;
    }
    return states[glob->count];
}

void glob_free(struct glob *glob)
{
    for (size_t i = 0; i < glob->count; i++)
        free(glob->steps[i].ranges);
    free(glob->steps);
    *glob = (struct glob){0};
}
