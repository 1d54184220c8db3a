/*
 * What a command or an option takes: its name in a synopsis, what a shell offers for it, and, if it
 * is one of a few words, these with their meaning.
 */
#ifndef VMBUILD_ARGUMENT_H
#define VMBUILD_ARGUMENT_H

enum argument_kind {
    ARGUMENT_TEXT, /* anything; a shell offers nothing */
    ARGUMENT_FILE,
    ARGUMENT_DIRECTORY,
    ARGUMENT_IMAGE,        /* a path, or a reference with a transport */
    ARGUMENT_REGISTRY,     /* docker://HOST/NAME... */
    ARGUMENT_CHOICE,       /* one of CHOICES */
    ARGUMENT_ARCHITECTURE, /* as Go names it */
    ARGUMENT_ASSIGNMENT,   /* KEY=VALUE, of a key of the spec */
};

/* A word that an argument may be. */
struct choice {
    const char *name;
    int value;        /* of the enum that it stands for */
    const char *text; /* for the manual; see manual/mdoc.h for its form */
};

struct argument {
    const char *name; /* "FILE"; NULL: no argument */
    enum argument_kind kind;
    const struct choice *choices; /* of ARGUMENT_CHOICE; one without a name ends them */
};

#endif
