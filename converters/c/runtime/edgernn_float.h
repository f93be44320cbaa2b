/* SPDX-License-Identifier: Apache-2.0 */
/* What float32 models written by edgernn need besides the C library's logf and sqrtf. */
#ifndef EDGERNN_FLOAT_H
#define EDGERNN_FLOAT_H

#include "edgernn_functions_f32.h"
#include "edgernn_matvec_f32.h"

#endif
