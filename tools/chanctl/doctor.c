/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl doctor: find what will bite, and say what to do. */
#include "doctor.h"

#include "arguments.h"
#include "exit_codes.h"

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct findings findings;
    int option, as_json = 0;

    while ((option = next_option(&doctor_command, argc, argv, ":h", long_options)) != -1)
        as_json |= option == 'j';
    no_names(&doctor_command, argc, argv);
    findings_begin(&findings, as_json);
    examine_system(&findings);
    examine_directory(&findings);
    examine_channels(&findings);
    findings_end(&findings);
    return findings.warnings > 0 ? CODE_NEGATIVE : CODE_OK;
}

const struct command doctor_command = {
    .name = "doctor",
    .arguments = "[--json]",
    .summary = "find what will bite on this machine, and say what to do",
    .help = "  --json                for programs\n"
            "Warnings make the exit status 1; notes do not.\n",
    .run = run,
};
