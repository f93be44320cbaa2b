/* SPDX-License-Identifier: Apache-2.0 */
/* What integer models written by edgernn need: nothing beyond these headers and stdint.h. */
#ifndef EDGERNN_INTEGER_H
#define EDGERNN_INTEGER_H

#include "edgernn_fixed.h"
#include "edgernn_matvec_s8s16.h"
#include "edgernn_powers.h"

#endif
