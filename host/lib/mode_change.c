#include "host/lib/mode_change.h"

#include <string.h>

#define ALL_BITS 07777
#define EXECUTE_BITS 0111
#define ID_BITS 06000
#define STICKY_BIT 01000

/* The bits that belong to the classes that the letters at *TEXT, which is moved behind them, name:
 * all if there are none. */
static mode_t read_classes(const char **text)
{
    mode_t bits = 0;

    for (;; ++*text) {
        switch (**text) {
        case 'u':
            bits |= 04700;
            break;
        case 'g':
            bits |= 02070;
            break;
        case 'o':
            bits |= 01007;
            break;
        case 'a':
            bits |= ALL_BITS;
            break;
        default:
            return bits != 0 ? bits : ALL_BITS;
        }
    }
}

/* The bits of all classes for LETTER, of something with MODE; 0: it is none. */
static mode_t bits_of(char letter, mode_t mode, bool is_folder)
{
    switch (letter) {
    case 'r':
        return 0444;
    case 'w':
        return 0222;
    case 'x':
        return EXECUTE_BITS;
    case 'X':
        return is_folder || (mode & EXECUTE_BITS) != 0 ? EXECUTE_BITS : 0;
    case 's':
        return ID_BITS;
    case 't':
        return STICKY_BIT;
    default:
        return 0;
    }
}

/* Reads the permissions at *TEXT, which is moved behind them, for something with MODE. */
static mode_t read_permissions(const char **text, mode_t mode, bool is_folder)
{
    static const char classes[] = "ogu";
    const char *class = **text != '\0' ? strchr(classes, **text) : NULL;
    mode_t bits = 0;

    if (class != NULL) { /* those that it has: each of its bits stands for three */
        ++*text;
        return (mode >> (3 * (class - classes)) & 07) * 0111;
    }
    for (; **text != '\0' && strchr("rwxXst", **text) != NULL; ++*text)
        bits |= bits_of(**text, mode, is_folder);
    return bits;
}

/* Applies the clause at *TEXT, which is moved behind it, to *MODE. Returns whether it is one. */
static bool apply_clause(const char **text, mode_t *mode, bool is_folder)
{
    mode_t classes = read_classes(text);

    if (**text != '+' && **text != '-' && **text != '=')
        return false;
    while (**text == '+' || **text == '-' || **text == '=') {
        char action = *(*text)++;
        mode_t bits = read_permissions(text, *mode, is_folder) & classes;

        if (action == '=')
            *mode &= ~classes;
        if (action == '-')
            *mode &= ~bits;
        else
            *mode |= bits;
    }
    return true;
}

static bool apply(const char *text, mode_t *mode, bool is_folder)
{
    while (apply_clause(&text, mode, is_folder)) {
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
    return false;
}

bool mode_change_is_valid(const char *text)
{
    mode_t mode = 0;

    return apply(text, &mode, false);
}

mode_t mode_change_apply(const char *text, mode_t mode, bool is_folder)
{
    mode &= ALL_BITS;
    apply(text, &mode, is_folder);
    return mode;
}
