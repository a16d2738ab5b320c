//! Classic BPF, as far as the programs for rings need it, over a frame as the kernel has it when it asks them.

use hopscope::source::live::Instruction;

/// What a program says of an Ethernet frame. The kernel has taken the outer VLAN tag off by then.
pub(crate) fn run(program: &[Instruction], frame: &[u8]) -> u32 {
    let (ether_type, network) = match frame.get(12..14) {
        Some([0x81, 0x00] | [0x88, 0xa8]) => (frame.get(16..18), frame.get(18..)),
        other => (other, frame.get(14..)),
    };
    let ether_type = ether_type.map_or(0, number);
    let mut machine = Machine {
        ether_type,
        network: network.unwrap_or_default(),
        result: 0,
        index: 0,
        stored: [0; 16],
    };
    let mut at = 0;
    loop {
        let instruction = program[at];
        at += 1;
        match machine.step(instruction) {
            Step::Next => {}
            Step::Leap(leap) => at += usize::from(leap),
            Step::End(answer) => return answer,
        }
    }
}

struct Machine<'a> {
    ether_type: u32,
    network: &'a [u8],
    result: u32,
    index: u32,
    stored: [u32; 16],
}

enum Step {
    Next,
    Leap(u8),
    End(u32),
}

impl Machine<'_> {
    fn step(&mut self, instruction: Instruction) -> Step {
        let Instruction {
            code,
            if_true,
            if_false,
            operand,
        } = instruction;
        let leap = |holds| Step::Leap(if holds { if_true } else { if_false });
        let other = if code & 0x08 == 0 {
            operand
        } else {
            self.index
        };
        match code {
            0x20 | 0x28 | 0x30 => match self.load(operand, [4, 2, 1][usize::from(code - 0x20) / 8])
            {
                Some(number) => self.result = number,
                None => return Step::End(0),
            },
            0x60 => self.result = self.stored[operand as usize],
            0x61 => self.index = self.stored[operand as usize],
            0x02 => self.stored[operand as usize] = self.result,
            0x07 => self.index = self.result,
            0x04 | 0x0c => self.result = self.result.wrapping_add(other),
            0x24 => self.result = self.result.wrapping_mul(other),
            0x54 => self.result &= other,
            0x74 => self.result >>= other,
            0x94 => self.result %= other,
            0xac => self.result ^= other,
            0x15 => return leap(self.result == operand),
            0x45 => return leap(self.result & operand != 0),
            0x06 => return Step::End(operand),
            0x16 => return Step::End(self.result),
            _ => panic!("an instruction that no program has: {instruction:?}"),
        }
        Step::Next
    }

    fn load(&self, place: u32, length: usize) -> Option<u32> {
        if place == 0xffff_f000 {
            return Some(self.ether_type);
        }
        let start = usize::try_from(place - 0xfff0_0000).unwrap();
        self.network.get(start..start + length).map(number)
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}
