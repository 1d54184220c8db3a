/*
 * Variables with their values, in the order in which they were first set.
 */
#ifndef VMBUILD_VARIABLES_H
#define VMBUILD_VARIABLES_H

#include <stddef.h>

struct variables {
    struct variable {
        char *name;
        char *value;
    } * items;
    size_t count;
};

/* Sets NAME to VALUE, also if it was set. */
void variables_set(struct variables *variables, const char *name, const char *value);

/* The same for ASSIGNMENT, "NAME=VALUE"; without a value it is empty. */
void variables_assign(struct variables *variables, const char *assignment);

/* Returns the value of NAME, borrowed; NULL if it is not set. */
const char *variables_get(const struct variables *variables, const char *name);

/* Sets all of FROM in VARIABLES. */
void variables_add(struct variables *variables, const struct variables *from);

void variables_free(struct variables *variables);

#endif
