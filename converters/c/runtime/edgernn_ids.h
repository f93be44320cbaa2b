/* SPDX-License-Identifier: Apache-2.0 */
/* Ids that pick rows of a table. */
#ifndef EDGERNN_IDS_H
#define EDGERNN_IDS_H

#include <stdint.h>

/* The nearest row that a table has. EDGERNN_TRUST_IDS leaves that to the caller. */
static inline int32_t edgernn_id(int32_t id, int32_t rows) {
#ifdef EDGERNN_TRUST_IDS
  (void)rows;
  return id;
#else
  return id < 0 ? 0 : id < rows ? id : rows - 1;
#endif
}

#endif
