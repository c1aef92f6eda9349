/* SPDX-License-Identifier: Apache-2.0 */
/* The entry point that libFuzzer and AFL++ call, and replay.c, too. */
#ifndef ABRI_TESTS_FUZZ_FUZZ_H
#define ABRI_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

#endif
