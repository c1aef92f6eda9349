/* SPDX-License-Identifier: Apache-2.0 */
/* What every test of cli includes before cmocka. */
#ifndef ABRI_TESTS_CLI_TEST_H
#define ABRI_TESTS_CLI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
