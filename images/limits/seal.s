| seal: prints the number of the company's seal. Written for a workstation of 1989, with a Motorola 68020 in it.
        .text
        .globl  _start
_start: moveq   #4, %d0                 | write(1, text, length)
        moveq   #1, %d1
        move.l  #text, %d2
        move.l  #length, %d3
        trap    #0
        moveq   #1, %d0                 | exit(0)
        moveq   #0, %d1
        trap    #0
        .data
text:   .ascii  "seal: 4711-0815\n"
        .set    length, . - text
