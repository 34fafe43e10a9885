/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without a fuzzer, as a test: on the files given, then on COUNT made-up inputs, always
 * the same ones: replay COUNT [FILE]... */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 4096
#define WRITES_MAX 32
#define INPUT_SECONDS 30 /* an input that takes longer hangs: SIGALRM ends the test */

static uint64_t next_random(uint64_t *state) /* xorshift64 */
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int replay_file(const char *path)
{
    static uint8_t input[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    size_t size = fread(input, 1, sizeof input, file);
    fclose(file);
    alarm(INPUT_SECONDS);
    LLVMFuzzerTestOneInput(input, size);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    for (int i = 2; i < argc; i++)
        if (replay_file(argv[i]) < 0)
            return 1;

    uint64_t state = 1;
    for (long i = strtol(argv[1], NULL, 10); i > 0; i--) {
        uint64_t input[2 * WRITES_MAX];
        size_t writes = 1 + next_random(&state) % WRITES_MAX;
        for (size_t j = 0; j < writes; j++) {
            uint64_t where = next_random(&state), value = next_random(&state);
            input[2 * j] = where;
            input[2 * j + 1] = value >> value % 64; /* small numbers as often as large ones */
        }
        alarm(INPUT_SECONDS);
        LLVMFuzzerTestOneInput((const uint8_t *)input, writes * 2 * sizeof *input);
    }
    return 0;
}
