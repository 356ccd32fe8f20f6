// SPDX-License-Identifier: Apache-2.0
// What the parts of cosim-guest share.
#pragma once

/// Prints `what` with the text of errno and ends the process with exit code 2.
_Noreturn void fail(const char* what);

/// A bound AF_ALG socket; fails if there is no such driver.
int open_algorithm(const char* type, const char* driver);
