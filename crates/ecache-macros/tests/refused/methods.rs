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

fn main() {}
