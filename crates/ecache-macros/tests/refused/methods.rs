use ecache_macros::execution_cache;

struct ExecutionContext;

struct Model;

impl Model {
    #[execution_cache]
    fn of_any_model(&self, _ctx: &ExecutionContext) -> u8 {
        1
    }
}

impl Model {
    #[execution_cache]
    fn associated(_ctx: &ExecutionContext, _name: &str) -> Option<Self> {
        None
    }
}

#[execution_cache(self_key = self.name)]
fn of_no_model(_ctx: &ExecutionContext) -> u8 {
    1
}

impl Model {
    #[execution_cache]
    fn says_nothing(_n: u8) -> u8 {
        1
    }
}

impl Named for Model {
    #[execution_cache(self_key = none)]
    fn name(&self) -> String {
        String::new()
    }
}

trait Named {
    fn name(&self) -> String;

    #[execution_cache]
    fn of_any(_n: u8) -> u8 {
        1
    }
}

impl Array<[u8; 4]> {
    #[execution_cache]
    fn of_bytes(_n: u8) -> u8 {
        1
    }
}

struct Array<T>(T);

pub(crate) trait Shared {
    #[execution_cache]
    fn of_all(_n: u8) -> u8 {
        1
    }
}

#[execution_cache(self_key = none)]
fn has_no_self(_n: u8) -> u8 {
    1
}

mod inner {
    #[ecache_macros::execution_cache(self_key = none)]
    fn has_no_self_either(_n: u8) -> u8 {
        1
    }
}

impl Model {
    #[execution_cache]
    fn str(&self) -> u8 {
        1
    }
}

impl Model {
    #[execution_cache]
    fn char() -> u8 {
        1
    }
}

fn main() {}
