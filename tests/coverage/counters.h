/*
 * How a program that is built for `make coverage` counts what it executes: in memory that all its
 * processes share, however they end and whatever they are confined to (LLVM's runtime would write a
 * file when a process exits).
 *
 * A program maps the file NAME.counters in COVERAGE_FOLDER, which all its runs use. The guest's
 * init has no such file: it writes to the console which counters are not zero, and the host's
 * program keeps these lines in COVERAGE_FOLDER/init.lines.
 *
 * Run with VMBUILD_COVERAGE=FILE, a program does nothing but write its counters to FILE, as LLVM's
 * tools read them.
 */
#ifndef VMBUILD_TESTS_COUNTERS_H
#define VMBUILD_TESTS_COUNTERS_H

#ifndef COVERAGE_FOLDER /* an absolute path; this one is for the linters */
#define COVERAGE_FOLDER "build/coverage/counters"
#endif

/* A line of the guest's console: then a hexadecimal digit for each four counters, a bit for each,
 * the lowest for the first. */
#define COUNTERS_PREFIX "coverage: "
#define COUNTERS_LINES COVERAGE_FOLDER "/init.lines"

#endif
